/**
 * Returns the sentence that says where a person finds what a server said. Most people who read a message have no error
 * object: they see it in a host, in a log, or as the answer of the proxy. A command cannot request the token of a user
 * whose subject token a host passes in code.
 */
export function whereDetailsAre(server: string, isForUser = false): string {
  return isForUser
    ? "The server's explanation is in the error's `details`."
    : `\`npx mcp-auth-runtime token ${server} --force-refresh\` prints the server's explanation, which is also in the ` +
        "error's `details`.";
}
