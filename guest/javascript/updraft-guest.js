// Write Updraft components in JavaScript: a normalizer, a transformer or a router is a class with one method.
//
//     // audit.js: labels what must be kept for seven years.
//     export class Audit {
//       transform(origin, events) {
//         for (const event of events) {
//           if (event.text.startsWith("AUDIT")) {
//             event.label = "audit";
//           }
//         }
//       }
//     }
//
//     // component.js: what the component is made of.
//     import * as host from "updraft:pipeline/host@0.1.0";
//     import { exportTransformer } from "./updraft-guest.js";
//     import { Audit } from "./audit.js";
//
//     export const { lifecycle, transform } = exportTransformer(Audit, host);
//
// A batch crosses the border as columns (see wit/v0.1/pipeline.wit): one blob of bytes and a few arrays of integers.
// Offsets count bytes, not UTF-16 units, and logs need not be UTF-8: texts are bytes until somebody asks for a string.
// A text that is a piece of the batch goes back as a span, `[start, end]`; anything else is copied once.
//
// All but component.js runs in plain Node.js, too: see updraft-guest/testing.js.

export { DROPPED, NO_TIMESTAMP, Severity } from "./updraft-guest/columns.js";
export { exportNormalizer, exportRouter, exportTransformer } from "./updraft-guest/component.js";
export { Attributes, Event, EventSet } from "./updraft-guest/edit.js";
export { host } from "./updraft-guest/host.js";
export { Events, Lines, timestampNs } from "./updraft-guest/normalize.js";
export { isJson } from "./updraft-guest/replace.js";
