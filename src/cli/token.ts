import { McpAuthError, type Token, type TokenManager } from "../index.js";
import { defineCommand } from "./define-command.js";
import { exitCodes } from "./exit-code.js";
import { maskSecrets } from "./mask-secrets.js";
import { isPrintedUnchanged } from "./print.js";
import { withRuntime } from "./with-runtime.js";

/** `token SERVER`: the access token alone on stdout. */
export const token = defineCommand({
  args: [{ name: "SERVER", is: "server" }],
  description: "Prints the access token for SERVER, alone, on stdout.",
  options: {
    json: {
      type: "boolean",
      help: "print an object: accessToken, tokenType, requestedAt and expiresAt (milliseconds since the epoch), scopes, issuer, resource",
    },
    "force-refresh": {
      type: "boolean",
      help: "request a new token even if a usable one is cached or stored",
    },
  },
  examples: [
    ["token crm", "the token, for scripts"],
    ["token crm --json", "with its expiry and scopes"],
    ["token crm --force-refresh --env-file .env", "a new token, with the secrets of a file"],
  ],
  async run({ values, args: [server = ""] }, io) {
    const { json = false, "force-refresh": forceRefresh = false } = values;
    return await withRuntime(io, values, async (auth) => {
      const manager = auth.resolve(server);
      const { signal } = io;
      // Fails for a token that is bound to a key or certificate.
      const accessToken = await io.waitFor(
        `Requesting a token for ${server}`,
        manager.getAccessToken({ signal, forceRefresh }),
      );
      if (json) {
        const issued = await manager.getToken({ signal });
        maskSecrets(io, [issued.accessToken]);
        io.print.json(described(issued), 2);
      } else {
        if (!isPrintedUnchanged(accessToken)) throw unprintableToken(manager);
        maskSecrets(io, [accessToken]);
        io.print.result(accessToken);
      }
      return exitCodes.done;
    });
  },
});

function described(token: Token): Record<string, unknown> {
  return { ...token.toJSON(), accessToken: token.accessToken };
}

/** An escaped token would not work. Unescaped, its issuer could run commands of a CI runner. */
function unprintableToken({ name: server }: TokenManager): McpAuthError {
  return new McpAuthError(
    "token_response_invalid",
    `Server "${server}": the token is not printed, because a CI runner would read it as a command. ` +
      "Use --json, which escapes it, and find out why the authorization server issues such tokens.",
    { server },
  );
}
