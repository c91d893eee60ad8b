import { byName, json } from "../format.js";
import type { Host } from "../host.js";

/**
 * Format: zed-industries/zed, crates/settings_content/src/project.rs (`ContextServerSettingsContent`) and
 * docs/src/ai/mcp.md. Headers: crates/context_server/src/transport/http.rs.
 */
export const zed: Host = {
  title: "Zed",
  sendsHeaders: true,
  print: (endpoints) =>
    json({ context_servers: byName(endpoints, ({ url, headers }) => ({ url, headers })) }),
  placement: [
    "Add this to ~/.config/zed/settings.json (command zed: open settings file), or for one project to .zed/settings.json.",
  ],
  tokenNotes: [
    "Zed cannot take the token from a variable, so do not use .zed/settings.json if that file is committed, and keep the token out of a repository with your own settings.",
  ],
};
