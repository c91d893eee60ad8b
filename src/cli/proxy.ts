import { hostNames } from "../proxy/host-settings/host-settings.js";
import { defineCommand } from "./define-command.js";
import { UsageError } from "./options.js";

/** `proxy`: serves until it is interrupted, or prints the settings of a host. */
export const proxy = defineCommand({
  args: [{ name: "SERVER", is: "server", optional: true, many: true }],
  description: `
    Serves the servers of the config, or those that are named, at local URLs, each with its token, until it is
    interrupted. Programs of this user call them with the local token, which is part of the printed settings.`,
  options: {
    listen: {
      type: "string",
      value: "ADDRESS",
      help: "where to listen, on loopback only (default: 127.0.0.1:8484); port 0 for any free one",
    },
    socket: {
      type: "string",
      value: "PATH",
      file: true,
      help: "listen on a Unix socket, where callers need no token. With --listen, on both",
    },
    print: { type: "string", value: "HOST", values: hostNames, help: "print the settings for a host" },
    "new-token": {
      type: "boolean",
      help: "replace the local token, which is otherwise kept. Then print the settings again",
    },
    health: {
      type: "string",
      value: "ADDRESS",
      help: "also answer probes for /-/live and /-/ready there, without a token, such as at 0.0.0.0:8485",
    },
    "any-user": {
      type: "boolean",
      help: "on Linux: also serve programs of other users, if they have the local token",
    },
    stdio: {
      type: "string",
      value: "SERVER",
      help: "serve one server on stdin and stdout, for hosts that can only start a command",
    },
  },
  examples: [
    ["proxy", "serve all servers of the config"],
    ["proxy --print vscode", "print the settings for VS Code"],
    ["proxy --stdio crm", "one server, for a host that starts commands"],
  ],
  async run({ values, args }, io) {
    const { listen, socket, health, print: host, stdio } = values;
    const newToken = values["new-token"] === true;
    const options = {
      ...(args.length > 0 && { servers: args }),
      ...(listen !== undefined && { listen }),
      ...(socket !== undefined && { socket }),
      ...(health !== undefined && { health }),
      anyUser: values["any-user"] === true,
      newToken,
    };
    if (stdio !== undefined) {
      if (
        Object.keys(values).some((name) => !["stdio", "config", "env-file"].includes(name)) ||
        args.length > 0
      ) {
        throw new UsageError(
          "--stdio takes one server and no other option: npx mcp-auth-runtime proxy --stdio SERVER",
        );
      }
      return await (await import("./proxy/serve-stdio.js")).serveStdio(stdio, values, io);
    }
    if (host === undefined) return await (await import("./proxy/serve.js")).serve(options, values, io);
    return await (await import("./proxy/print-settings.js")).printSettings(host, options, values, io);
  },
});
