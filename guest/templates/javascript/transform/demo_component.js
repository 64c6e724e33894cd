// Hides a secret wherever an event carries it, labels errors, and drops what is only for debugging.

import { Severity } from "./updraft-guest.js";

/** The component. Its config: `secret`, the text to hide. */
export class Mask {
  constructor({ secret }) {
    if (typeof secret !== "string" || secret === "") {
      // The config is not shown: it may hold the secret.
      throw new TypeError("its config must name the `secret` to hide, as a text");
    }
    this.secret = secret;
  }

  transform(_origin, events) {
    for (const event of events) {
      if (event.severity > Severity.NONE && event.severity < Severity.INFO) {
        event.drop();
      } else if (event.severity >= Severity.ERROR) {
        event.label = "errors";
      }
    }
    // Message, attributes and raw bytes: what is hidden is gone from all three.
    events.replace(this.secret, "***");
  }
}
