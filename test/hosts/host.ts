// The shape of `test/hosts/<host>/host.mjs`, which describes how a host is run. Types only.
export interface Host {
  /** As docs/hosts.md calls it. */
  readonly title: string;
  /** The page `docs/hosts/<page>.md`. */
  readonly page: string;
  /** The packages whose versions the page shows. */
  readonly packages: readonly string[];
  /** The folder of our plugin for the host, if it is an npm package: `plugins/eliza`. */
  readonly plugin?: string;
  /** How the host's declarations find each other, if not as Node does. */
  readonly moduleResolution?: "bundler";
  readonly ways: readonly Way[];
}

/** What docs/hosts.md says of a way. */
export interface Outcome {
  /** Whether calls went on after a revocation, or which of them did. */
  readonly revocation: boolean | string;
  /** Whether calls went on after the token expired, or which of them did. */
  readonly expiry: boolean | string;
  /** Whether calls went on after the authorization server was away. `undefined` if that was not tried. */
  readonly absence: boolean | undefined;
  /** The number of token requests in all phases. Text if it varies. */
  readonly tokenRequests: number | string;
}

export interface Way {
  readonly way: "adapter" | "register" | "proxy" | "plugin" | "headers helper";
  /** Tells ways of the same kind apart, such as "`authProvider`" or "with a file store". */
  readonly variant?: string;
  /** What a person writes, in Markdown. */
  readonly write: string;
  /** The program that answers questions, in the folder of the example or of the test. */
  readonly program: string;
  /** Members of the config besides `servers`. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the runner starts `mcp-auth-runtime proxy`. Default: if `way` is "proxy". */
  readonly startsProxy?: boolean;
  /** Whether the host starts a process for each call. */
  readonly processPerCall?: boolean;
  /** Whether the host goes on after a call that failed. Default: yes. */
  readonly recovers?: boolean;
  /**
   * What the host prints when it reaches a limit of time of its own, as it does on a busy machine. So the way runs alone,
   * when all others have ended, and is then tried again, at most twice. Any other failure counts at once.
   */
  readonly retryIf?: RegExp;
  /** Whether the token endpoint is slow until the first call is answered. Default: yes. */
  readonly startsSlow?: boolean;
  /** What the host shows of a call without a token, if that is not our message. */
  readonly failure?: RegExp;
  /** Default: `sharedTokens`. */
  readonly phases?: (...args: never[]) => Promise<Outcome>;
  /** Writes settings of the host. May add to `env`. */
  readonly prepare?: (place: Place) => Promise<void> | void;
}

/** Where a host runs in one of its ways. */
export interface Place {
  /** The working directory, with copies of the example and of the test's own files. Packages are found above it. */
  readonly folder: string;
  /** HOME, an empty folder. */
  readonly home: string;
  readonly env: Record<string, string>;
  /** The Node for hosts. */
  readonly node: string;
  /** The URL of the MCP server. */
  readonly serverUrl: string;
  readonly modelUrl: string;
  readonly proxy?: {
    /** The URL of the server `crm` at the proxy, with the local token. */
    readonly url: string;
    /** Returns what `proxy --print HOST` prints. */
    print(host: string): Promise<string>;
  };
}
