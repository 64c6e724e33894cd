// What the component exports. Only this file needs the host, so that all else runs in plain Node.js, too.

import * as host from "updraft:pipeline/host@0.1.0";
import { Mask } from "./demo_component.js";
import { exportTransformer } from "./updraft-guest.js";

export const { lifecycle, transform } = exportTransformer(Mask, host);
