/** The warning for a program whose settings for a server have an `Authorization` header of their own. */
export function ownAuthorizationWarning(server: string): string {
  return (
    `Server "${server}": the program sets its own Authorization header for this server, which was replaced by the token of ` +
    'the config. Remove it from the program\'s settings for the server (often "headers", "requestInit" or an API key).'
  );
}
