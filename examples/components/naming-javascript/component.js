// What the component exports. Only this file needs the host, so that all else runs in plain Node.js, too.

import * as host from "updraft:pipeline/host@0.1.0";
import { exportRouter } from "../../../guest/javascript/updraft-guest.js";
import { Naming } from "./naming.js";

export const { lifecycle, route } = exportRouter(Naming, host);
