/** A change that may be the remedy of a failure, for a program to try. */
export type Trial = PropertyTrial | SecretTrial;

/** One property of the config gets another value. */
export interface PropertyTrial {
  /**
   * What has the property: the client, its key, the grant, the grant's assertion, the key of that assertion, or the MCP
   * server.
   */
  readonly place: "client" | "key" | "grant" | "assertion" | "assertion_key" | "server";
  /** Whether the client, or the client of the key, is that of `idp`. */
  readonly isAtIdp?: boolean;
  readonly property: string;
  /** `undefined` removes the property. */
  readonly value: string | boolean | readonly string[] | undefined;
}

/** The client secret, without what was copied into it by mistake. The place that it is read from has to change. */
export interface SecretTrial {
  readonly place: "secret";
  readonly isAtIdp?: boolean;
}
