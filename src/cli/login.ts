import { defineCommand } from "./define-command.js";
import { exitCodes } from "./exit-code.js";
import { withRuntime } from "./with-runtime.js";

/** `login SERVER`: a person signs in once, and the store has the refresh token afterwards. */
export const login = defineCommand({
  args: [{ name: "SERVER", is: "server" }],
  description: `
    Lets a person sign in to SERVER once, so that agents run unattended afterwards. Prints a page and a code, which can be
    used on any device (RFC 8628), and waits. The refresh token goes into the store, where the grant refresh_token finds
    it.

    Before anything is sent, it shows whom the person signs in to and for which scopes; at the end, who signed in. It
    opens no browser.`,
  options: {
    json: {
      type: "boolean",
      help: "at the end, print an object: server, issuer, clientId, scopes, user, refreshTokenExpiresAt, replaced",
    },
  },
  notes: `
    The page and the code go to stderr.

    Exit code 3: the sign-in was refused or came too late, or the authorization server does not offer it.`,
  examples: [
    ["login crm", "sign in once, then run agents"],
    ["login crm --json", "with an object that says who signed in, for scripts"],
  ],
  async run({ values, args: [server = ""] }, io) {
    // Loaded here, so that help does not load what requests tokens.
    const { signIn } = await import("./login/sign-in.js");
    return await withRuntime(io, values, async (auth) => {
      const report = await signIn(auth.resolve(server), io);
      if (values.json === true) io.print.json(report, 2);
      return exitCodes.done;
    });
  },
});
