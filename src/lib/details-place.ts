import { capitalized } from "./printable.js";

let arePrinted = false;

/** Notes that this process prints the `details` of an error below its message, as most commands do. */
export function markDetailsPrinted(): void {
  arePrinted = true;
}

/**
 * Returns the end of a message, after a space, that says where a person finds what a server said; `""` if it is printed
 * below. Most people who read a message have no error object: they see it in a host, in a log, or as the answer of the
 * proxy. A command cannot request the token of a user whose subject token a host passes in code.
 */
export function whereDetailsAre(server: string, isForUser = false): string {
  if (arePrinted) return "";
  return isForUser
    ? " The server's explanation is in the error's `details`."
    : ` \`npx mcp-auth-runtime token ${server} --force-refresh\` prints the server's explanation, which is also in the ` +
        "error's `details`.";
}

/** Returns a sentence that says where a value is: one that a server chose, and that is not part of the message. */
export function detailsHave(what: string): string {
  return arePrinted ? `${capitalized(what)} is printed below.` : `The error's \`details\` has ${what}.`;
}
