// Makes a component of component.js and all that it imports: `node build.js OUTPUT [NODE_MODULES]`, the latter being
// what `cargo xtask setup` brought, unless it is said.

import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const root = resolve(import.meta.dirname, "../../..");
const [output, modules = `${root}/target/componentize-js/node_modules`] = process.argv
  .slice(2)
  .map((path) => resolve(path));
// By its path: an `import` by name looks for node_modules only above this file, where nothing is ever installed.
const library = `${modules}/@bytecodealliance/componentize-js/src/componentize.js`;
const { componentize } = await import(pathToFileURL(library));

// It reads no file outside of the folder it runs in, and the helper is outside of this one.
process.chdir(root);
const { component } = await componentize({
  sourcePath: `${import.meta.dirname}/component.js`,
  witPath: `${root}/wit/v0.1`,
  worldName: "router",
  // Updraft gives no HTTP, and refuses who asks for it.
  disableFeatures: ["http", "fetch-event"],
});
await writeFile(output, component);
