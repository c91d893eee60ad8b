import type { CommandIo } from "./io.js";

/** Makes GitHub Actions hide secrets in its log, if it runs this command. Call it before they are printed. */
export function maskSecrets(
  { env, print }: Pick<CommandIo, "env" | "print">,
  secrets: readonly string[],
): void {
  if (env["GITHUB_ACTIONS"] === "true") print.mask(secrets);
}
