import type { IncomingHttpHeaders } from "node:http";
import { decodeJwt } from "jose";
import type { KoaContextWithOIDC } from "oidc-provider";
import { certificateThumbprint, clientCertificate } from "./mutual-tls.js";

/** A request to the token endpoint. */
export interface TokenRequest {
  /** Time of arrival, in milliseconds since the epoch. */
  readonly at: number;
  readonly method: string;
  /** The request URL: the token endpoint, or the alias for clients with certificates. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** The form fields. Empty if the server refused the request before it read them. */
  readonly params: Readonly<Record<string, string | readonly string[]>>;
  /** The client, if the request names one. */
  readonly clientId: string | undefined;
  /** Thumbprint (`x5t#S256`) of the certificate that the client presented, trusted or not. */
  readonly certificateThumbprint: string | undefined;
  readonly status: number;
  /** The `error` of the response, if the server refused the request. */
  readonly error: string | undefined;
}

/** Records an answered token request. `sent` has the form fields if they were read before the provider ran. */
export async function recordTokenRequest(
  at: number,
  context: KoaContextWithOIDC,
  sent?: TokenRequest["params"],
): Promise<TokenRequest> {
  const { method, status, headers, href } = context;
  const params = sent ?? (await formFields(context));
  const { body } = context;
  const error = typeof body === "object" && body !== null && "error" in body ? String(body.error) : undefined;
  const certificate = clientCertificate(context.req);
  return {
    at,
    method,
    url: href,
    headers,
    params,
    clientId: clientIdOf(headers, params),
    certificateThumbprint: certificate && certificateThumbprint(certificate),
    status,
    error,
  };
}

/** Consumes the body and returns its form fields. The value of a repeated field is a list. */
export async function readForm(request: AsyncIterable<Buffer>): Promise<TokenRequest["params"]> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const fields = new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
  return Object.fromEntries(
    [...new Set(fields.keys())].map((name) => {
      const [first = "", ...rest] = fields.getAll(name);
      return [name, rest.length === 0 ? first : [first, ...rest]];
    }),
  );
}

async function formFields(context: KoaContextWithOIDC): Promise<TokenRequest["params"]> {
  // If the provider did not run, or refused the request early, the body has not been read yet.
  return context.req.readable ? readForm(context.req) : ({ ...context.oidc?.body } as TokenRequest["params"]);
}

function clientIdOf(headers: IncomingHttpHeaders, params: TokenRequest["params"]): string | undefined {
  if (typeof params["client_id"] === "string") return params["client_id"];
  const basic = /^Basic ([\w+/]+=*)$/i.exec(headers.authorization ?? "")?.[1];
  const [id] = Buffer.from(basic ?? "", "base64")
    .toString("utf8")
    .split(":");
  if (id) return [...new URLSearchParams(`id=${id}`).values()][0];
  try {
    return decodeJwt(String(params["client_assertion"])).sub;
  } catch {
    return undefined;
  }
}
