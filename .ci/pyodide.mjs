// Runs pytest in Pyodide, which is CPython in WebAssembly: node pyodide.mjs MODULES SITE TREE ARGUMENTS ...
//
// MODULES is the folder where npm has installed pyodide, SITE one with pytest, TREE the tree to test.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, site, tree, ...options] = process.argv.slice(2);
const path = createRequire(pathToFileURL(`${modules}/`)).resolve("pyodide/pyodide.mjs");
const { loadPyodide } = await import(pathToFileURL(path));
const python = await loadPyodide();
for (const [name, root] of [["/site", site], ["/tree", tree]]) {
    python.FS.mkdirTree(name);
    python.FS.mount(python.FS.filesystems.NODEFS, { root }, name);
}
python.globals.set("options", python.toPy(options));
try {
    process.exitCode = python.runPython(`
import os, sys
os.chdir("/tree")
sys.path[:0] = ["/tree", "/tree/.ci", "/site"]
sys.dont_write_bytecode = True
import pytest
int(pytest.main(["-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "portable", *options]))
`);
} catch (error) {
    console.error(error.message); // and not Pyodide's own source, in which it was thrown
    process.exitCode = 1;
}
