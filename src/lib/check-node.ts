// Imported first by every entry point: an older Node gets this sentence, and not an error about the first thing that it
// does not know. So this module, and no other, is written for old versions and imports nothing.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < 20 || (major === 20 && minor < 19)) {
  const error = new Error(`mcp-auth-runtime needs Node.js 20.19 or later; this is ${process.version}.`);
  // The command and `register` recognize it by its name: they cannot import anything from here.
  throw Object.assign(error, { name: "UnsupportedNodeError" });
}
