/** What the plugin uses of the fields that mcp-auth-runtime logs. */
export interface Fields {
  readonly event?: string;
  readonly server?: string;
  readonly code?: string;
  readonly message?: string;
}

type Log = (fields: Fields, event: string) => void;

export function loggerOf(logger: { warn(message: string): void }): {
  readonly debug: Log;
  readonly info: Log;
  readonly warn: Log;
  readonly error: Log;
};
