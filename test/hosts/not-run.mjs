// Hosts that the tests do not run, because npm does not have them. Their settings are
// compared with published schemas where there are some.

/** @type {readonly { title: string, page: string, way: string, write: string, reason: string }[]} */
export const notRun = [
  {
    title: "VS Code",
    page: "vscode",
    way: "proxy",
    write: "what `proxy --print vscode` prints, in `mcp.json`",
    reason: "it is not on npm. The settings fit the schema in its code",
  },
  {
    title: "Cursor",
    page: "cursor",
    way: "proxy",
    write: "what `proxy --print cursor` prints, in `mcp.json`",
    reason: "it is not on npm. It publishes no schema; the settings follow its documentation",
  },
  {
    title: "goose",
    page: "goose",
    way: "proxy",
    write: "what `proxy --print goose` prints, in `config.yaml`",
    reason: "it is not on npm. The settings fit its published schema",
  },
  {
    title: "Zed",
    page: "zed",
    way: "proxy",
    write: "what `proxy --print zed` prints, in `settings.json`",
    reason: "it is not on npm. It publishes no schema; the settings follow the types in its source",
  },
];
