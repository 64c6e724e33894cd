// Makes a component of guest.js: `node build.mjs NODE_MODULES OUTPUT`. Not by `jco componentize`, whose command line
// fails on Node 20.

import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [modules, output] = process.argv.slice(2);
// By its path: an `import` by name looks for node_modules only above this file, where nothing is ever installed.
const library = join(resolve(modules), "@bytecodealliance/componentize-js/src/componentize.js");
const { componentize } = await import(pathToFileURL(library));

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { component } = await componentize({
  sourcePath: here("guest.js"),
  witPath: here("../../../wit/v0.1"),
  worldName: "normalizer",
  // Updraft gives no HTTP, and refuses who asks for it.
  disableFeatures: ["http", "fetch-event"],
});
await writeFile(output, component);
