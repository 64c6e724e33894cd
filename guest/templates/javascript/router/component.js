// What the component exports. Only this file needs the host, so that all else runs in plain Node.js, too.

import * as host from "updraft:pipeline/host@0.1.0";
import { Teams } from "./demo_component.js";
import { exportRouter } from "./updraft-guest.js";

export const { lifecycle, route } = exportRouter(Teams, host);
