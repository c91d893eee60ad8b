import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { type Listening, listen } from "../listen.js";
import { certificateThumbprint, clientCertificate, serverTls } from "../mutual-tls.js";
import { type ArrivedRequest, differences, type ExpectedRequest } from "./expected-request.js";
import { type Answer, granted, type Product, type ProductRequest } from "./product.js";
import { replaceText } from "./replace-text.js";

/** A request as a host received it, and what the host decided. */
export interface SeenRequest extends ArrivedRequest {
  /** The URL with the host of the documentation. */
  readonly at: string;
  readonly kind: "metadata" | "absent" | "expected" | "call" | "refused";
  /** The URL of the expected request. */
  readonly accepted?: string | undefined;
  /** What differs from the expected request. */
  readonly differences: readonly string[];
}

export interface ProductHosts extends AsyncDisposable {
  readonly seen: readonly SeenRequest[];
  /** The local servers. */
  readonly origins: readonly string[];
  /** Returns the text with the hosts of URLs replaced by their local servers. */
  local(text: string): string;
  /** Returns the request that the product expects, with its URLs replaced. */
  expected(request: ProductRequest): ExpectedRequest;
}

type Judgement = Pick<SeenRequest, "kind" | "accepted" | "differences"> & {
  readonly answer: Answer;
  readonly headers?: Readonly<Record<string, string>> | undefined;
};

const statuses = { metadata: 200, absent: 404, expected: 200, call: 200, refused: 400 };

const hostPattern = /https?:\/\/[a-z0-9.-]*[a-z][a-z0-9.-]*(?::\d+)?/g;

/**
 * Starts one local server for each host in the config and in the description of the product. The servers accept only the
 * expected requests, byte by byte, answer others with 400, and say what differs.
 */
export async function startHosts(product: Product, config: string): Promise<ProductHosts> {
  const { mutualTls } = product;
  const tls = mutualTls && (await serverTls({ authority: mutualTls.authority, askClients: true }));
  const servers = new Map<string, Listening>();
  const seen: SeenRequest[] = [];
  const serverUrl = serverUrlOf(config);
  const usedJwts = new Set<string>();
  const local = (source: string) =>
    source.replaceAll(hostPattern, (host) => servers.get(host)?.origin ?? host);

  function expected({ method, url, headers, form }: ProductRequest): ExpectedRequest {
    const certificate = mutualTls && certificateThumbprint(mutualTls.own.certificate);
    const request = { method, url: targetOf(url, local), headers, form: form ?? [], certificate };
    return replaceText(request, local);
  }

  async function judge(host: string, arrived: ArrivedRequest): Promise<Judgement> {
    const document = arrived.method === "GET" ? product.metadata?.[host + arrived.url] : undefined;
    if (document !== undefined) return { kind: "metadata", differences: [], answer: { ...document } };
    if (arrived.method === "GET" && arrived.url.includes("/.well-known/")) {
      return { kind: "absent", differences: [], answer: "" };
    }
    if (isCall(host + arrived.url, arrived)) return { kind: "call", differences: [], answer: {} };
    const path = pathOf(arrived.url);
    const here = product.requests.filter(({ url }) => new URL(url).origin === host);
    // A request with another path is compared with the first that this host expects.
    const request = here.find(({ url }) => new URL(url).pathname === path) ?? here[0];
    if (request === undefined) return { kind: "refused", differences: ["host"], answer: {} };
    const found = await differences(expected(request), arrived, usedJwts);
    if (found.length > 0) return { kind: "refused", differences: found, answer: {} };
    const { url, answer: given, answerHeaders: headers } = request;
    const answer = typeof given === "function" ? given(local) : given;
    return { kind: "expected", accepted: url, differences: [], answer, headers };
  }

  /** The call of the MCP server is authorized with the token, which no other request has. */
  function isCall(at: string, { method, rawHeaders }: ArrivedRequest): boolean {
    const index = rawHeaders.findIndex((name) => name.toLowerCase() === "authorization");
    if (method !== "POST" || at !== serverUrl || index === -1) return false;
    const { token = granted.access_token } = product;
    return rawHeaders[index + 1] === `Bearer ${typeof token === "function" ? token(local) : token}`;
  }

  async function answer(host: string, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", rawHeaders } = incoming;
    const presented = clientCertificate(incoming);
    const certificate = presented && certificateThumbprint(presented);
    const arrived = { method, url, rawHeaders, certificate, body: await text(incoming) };
    const judgement = await judge(host, arrived);
    const { kind, accepted, differences: found } = judgement;
    seen.push({ ...arrived, at: host + url, kind, accepted, differences: found });
    const isText = typeof judgement.answer === "string";
    const body = isText ? judgement.answer : JSON.stringify(judgement.answer);
    const type = isText ? "text/plain" : "application/json";
    response.writeHead(statuses[kind], { "content-type": type, ...judgement.headers });
    response.end(local(String(body)));
  }

  const described = config + JSON.stringify(product);
  for (const host of new Set(described.match(hostPattern))) {
    servers.set(host, await listen(() => (incoming, response) => void answer(host, incoming, response), tls));
  }
  return {
    seen,
    origins: [...servers.values()].map(({ origin }) => origin),
    local,
    expected,
    async [Symbol.asyncDispose]() {
      await Promise.all([...servers.values()].map((server) => server.close()));
    },
  };
}

/** Returns the URL of the only server of a config. */
export function serverUrlOf(config: string): string {
  // The configs of the documentation are valid, which another test checks.
  const { servers } = JSON.parse(config) as { servers: Record<string, { url: string }> };
  return Object.values(servers)[0]?.url ?? "";
}

/** Returns path and query of a URL as a request line has them. */
function targetOf(url: string, replace: (text: string) => string): string {
  const { pathname, searchParams } = new URL(url);
  if (searchParams.size === 0) return pathname;
  for (const [name, value] of searchParams) searchParams.set(name, replace(value));
  return `${pathname}?${searchParams}`;
}

function pathOf(url: string): string {
  return url.replace(/\?.*$/, "");
}
