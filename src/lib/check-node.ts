// Imported first by every entry point: an older Node gets this sentence, and not an error about the first thing that it
// does not know. So this module, and no other, is written for old versions and imports nothing.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

// The built package uses `process.getBuiltinModule`, which 21 and the first versions of 22 lack.
const isSupported = (major === 20 && minor >= 19) || (major === 22 && minor >= 3) || major > 22;
if (!isSupported) {
  const error = new Error(
    `mcp-auth-runtime needs Node.js 20 from 20.19 on, or Node.js 22.3 or later; this is ${process.version}.`,
  );
  // The command and `register` recognize it by its name: they cannot import anything from here.
  throw Object.assign(error, { name: "UnsupportedNodeError" });
}
