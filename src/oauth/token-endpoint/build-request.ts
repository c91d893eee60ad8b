import {
  allowInsecureRequests,
  customFetch,
  genericTokenEndpointRequest,
  OperationProcessingError,
} from "oauth4webapi";
import { McpAuthError } from "../../errors/error.js";

interface RequestToBuild {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly clientId: { readonly client_id: string };
  readonly grantType: string;
  readonly form: URLSearchParams;
  readonly server: string;
}

interface BuiltRequest {
  readonly url: string;
  readonly headers: Headers;
  readonly body: URLSearchParams;
}

/**
 * Builds a token request with oauth4webapi, without the client's credential. The library does not send it, because its
 * validation of the response hides `error` behind a `WWW-Authenticate`, keeps the body in its errors, and refuses a
 * response with an unexpected `id_token`. `readTokenResponse` validates the response instead.
 */
export async function buildRequest(options: RequestToBuild): Promise<BuiltRequest> {
  const { issuer, tokenEndpoint, clientId, grantType, form, server } = options;
  let built: BuiltRequest | undefined;
  try {
    await genericTokenEndpointRequest(
      { issuer, token_endpoint: tokenEndpoint },
      clientId,
      // The caller authenticates the client, outside of this `try`: our own errors must not be taken for the library's.
      () => {},
      grantType,
      form,
      {
        headers: { "user-agent": "mcp-auth-runtime" },
        // Discovery has already checked which URLs may use http.
        [allowInsecureRequests]: true,
        async [customFetch](url, { headers, body }) {
          built = { url, headers: new Headers(headers), body };
          return new Response(null);
        },
      },
    );
  } catch (error) {
    // The library refused its arguments. Its error is dropped, because it may quote the metadata.
    const isInvalidArgument =
      error instanceof OperationProcessingError || (error instanceof TypeError && "code" in error);
    if (!isInvalidArgument) throw error;
  }
  if (built !== undefined) return built;
  throw new McpAuthError(
    "discovery_failed",
    `Server "${server}": could not build a token request from the metadata of ${issuer}: its token endpoint or the ` +
      'client\'s "id" is not valid. Check both.',
    { server, details: { token_endpoint: tokenEndpoint } },
  );
}
