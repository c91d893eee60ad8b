import { hasErrorCode } from "../../errors/expected-errors.js";

/** The part of the SDK that we use. */
export interface StsClient {
  getWebIdentityToken(
    input: { readonly Audience: readonly string[]; readonly SigningAlgorithm: string },
    options: { readonly abortSignal: AbortSignal },
  ): Promise<{ readonly WebIdentityToken?: string | undefined }>;
}

/** The exports of `@aws-sdk/client-sts`, as far as we use them. The command exists since version 3.936. */
interface StsPackage {
  readonly STSClient: new (options: object) => { send(command: object, options: object): Promise<object> };
  readonly GetWebIdentityTokenCommand?: new (input: object) => object;
}

const optionalPackage: string = "@aws-sdk/client-sts";

let loading: Promise<StsClient | "missing" | "outdated"> | undefined;

/**
 * Loads the optional package `@aws-sdk/client-sts` and creates a client with the SDK's own defaults. The client is kept,
 * because it caches the credentials that it has found.
 */
export async function loadSts(): Promise<StsClient | "missing" | "outdated"> {
  loading ??= load();
  const loaded = await loading;
  // It may be installed while the process runs.
  if (typeof loaded === "string") loading = undefined;
  return loaded;
}

async function load(): Promise<StsClient | "missing" | "outdated"> {
  let library: StsPackage;
  try {
    // A variable and the comments keep bundlers from looking for this optional package, as in stores/redis-client.ts.
    library = await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ optionalPackage);
  } catch (error) {
    // A loader, such as that of a test runner, may wrap the error of Node.
    const reason = error instanceof Error && error.cause !== undefined ? error.cause : error;
    if (!hasErrorCode(reason, "ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND")) throw error;
    return "missing";
  }
  const { STSClient, GetWebIdentityTokenCommand: Command } = library;
  if (Command === undefined) return "outdated";
  const client = new STSClient({});
  return { getWebIdentityToken: (input, options) => client.send(new Command(input), options) };
}
