// Makes demo-component.wasm of component.js and all that it imports: `node build.js WORLD`, as `npm run build` does.

import { writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const { component } = await componentize({
  sourcePath: `${import.meta.dirname}/component.js`,
  witPath: `${import.meta.dirname}/wit/v0.1`,
  worldName: process.argv[2],
  // Updraft gives no HTTP, and refuses who asks for it.
  disableFeatures: ["http", "fetch-event"],
});
await writeFile("demo-component.wasm", component);
