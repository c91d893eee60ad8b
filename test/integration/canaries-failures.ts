// Wrong responses of servers, on the way to a token and with it, each with a canary in it.
import type { ServerResponse } from "node:http";
import type { McpAuthErrorCode } from "../../src/index.js";
import type { Canaries } from "../support/canaries.js";
import { type Answer, metadataOf, type Part, type Script, type Stage } from "./canaries-stage.js";

export interface Failure {
  readonly name: string;
  /** Code of the error of the first `fetch`, or `undefined` if the caller gets a response. */
  readonly code: Code;
  /** The wrong responses. Default: only the resource metadata is missing. */
  readonly script?: Script;
  /** Overrides members of a working server config. */
  readonly server?: Readonly<Record<string, unknown>>;
}

type Code = McpAuthErrorCode | "network" | undefined;
type Headers = Readonly<Record<string, string>>;
type Rows = Readonly<Record<string, readonly [code: Code, answer: Answer]>>;

export function servedFailures(canaries: Canaries, stage: Stage): readonly Failure[] {
  const answers = answersOf(canaries, stage);
  const tables: Readonly<Record<Exclude<Part, "platform">, Rows>> = {
    token: tokenRows(answers),
    metadata: metadataRows(answers, stage),
    resource: resourceRows(answers, stage),
    mcp: mcpRows(answers),
  };
  return Object.entries(tables).flatMap(([part, rows]) =>
    Object.entries(rows).map(([name, [code, answer]]) => ({
      name: `${part}: ${name}`,
      code,
      script: { [part]: answer },
      ...(code === "timeout" && { server: { timeout: "100ms" } }),
    })),
  );
}

type Answers = ReturnType<typeof answersOf>;

function answersOf(canaries: Canaries, stage: Stage) {
  const { say } = stage;
  const phrase = () => canaries.phrase("text of a bad response");
  const word = () => canaries.word("text of a bad response");
  const url = () => `https://elsewhere.example/${word()}`;
  const json =
    (status: number, members: object, headers: Headers = {}): Answer =>
    (response) =>
      say.json(response, status, members, headers);
  return {
    phrase,
    word,
    url,
    json,
    html:
      (status: number, headers: Headers = {}): Answer =>
      (response) =>
        say.html(response, status, headers),
    raw:
      (text: string, type = "application/json"): Answer =>
      (response) =>
        void response.writeHead(200, { "content-type": type }).end(text),
    granted:
      (members: object): Answer =>
      (response, request) =>
        stage.grant(response, request, members),
    oauth: (error: string, status = 400, headers: Headers = {}) =>
      json(status, { error, error_description: phrase(), error_uri: url() }, headers),
    challenge: (rest: string) => ({ "www-authenticate": `Bearer realm="${word()}", ${rest}` }),
    destroyed: (response: ServerResponse) => void response.destroy(),
    stalled: () => {},
  };
}

function tokenRows({ word, phrase, url, ...answer }: Answers): Rows {
  const { json, html, raw, granted, oauth, challenge, destroyed, stalled } = answer;
  const refused = "token_request_rejected";
  const invalid = "token_response_invalid";
  const form = "application/x-www-form-urlencoded";
  return {
    invalid_client: [refused, oauth("invalid_client")],
    invalid_grant: [refused, oauth("invalid_grant")],
    unauthorized_client: [refused, oauth("unauthorized_client")],
    invalid_scope: [refused, oauth("invalid_scope")],
    invalid_target: [refused, oauth("invalid_target")],
    "401 invalid_client": [refused, oauth("invalid_client", 401, challenge(`error_description="${word()}"`))],
    "an unregistered error": [refused, oauth(word())],
    "an error in prose": [refused, oauth(phrase())],
    "an error with 200": [refused, json(200, { error: word(), error_description: phrase() })],
    "401 HTML": [refused, html(401)],
    "403 HTML": [refused, html(403)],
    "408": ["unavailable", html(408)],
    "429": ["unavailable", json(429, { error: word() }, { "retry-after": "3600" })],
    "500": ["unavailable", html(500)],
    "503": ["unavailable", oauth("temporarily_unavailable", 503, { "retry-after": word() })],
    "a redirect": [refused, html(307, { location: url() })],
    HTML: [invalid, html(200)],
    "truncated JSON": [invalid, raw(`{"access_token":"${word()}","token_type":"Bea`)],
    "an array": [invalid, raw(JSON.stringify([word(), phrase()]))],
    "a form": [invalid, raw(`access_token=${word()}&token_type=bearer`, form)],
    "too much": [invalid, raw(JSON.stringify({ access_token: word(), more: word().repeat(30_000) }))],
    "no token": [invalid, granted({ access_token: undefined, accessToken: word() })],
    "a token that is not a string": [invalid, granted({ access_token: { token: word() } })],
    "a token with a line break": [invalid, granted({ access_token: `${word()}\r\n${word()}` })],
    "an unknown token type": [invalid, granted({ token_type: word() })],
    "a token type that was not requested": [invalid, granted({ token_type: "DPoP" })],
    "a lifetime in prose": [undefined, granted({ expires_in: phrase() })],
    "a dropped connection": ["unavailable", destroyed],
    "no answer": ["timeout", stalled],
  };
}

function metadataRows({ word, phrase, url, html, raw, destroyed }: Answers, stage: Stage): Rows {
  const failed = "discovery_failed";
  const changed =
    (members: object): Answer =>
    (response, { name }) =>
      stage.say.json(response, 200, { ...metadataOf(stage, name), ...members });
  return {
    "as HTML": [failed, html(200)],
    missing: [failed, html(404)],
    failing: ["unavailable", html(500)],
    "a redirect": [failed, html(302, { location: url() })],
    "truncated JSON": [failed, raw(`{"issuer":"${word()}`)],
    "too much": [failed, raw(JSON.stringify({ issuer: word().repeat(30_000) }))],
    "a dropped connection": ["unavailable", destroyed],
    "of another issuer": ["issuer_mismatch", changed({ issuer: url() })],
    "without a token endpoint": [failed, changed({ token_endpoint: undefined })],
    "with prose instead of an endpoint": ["insecure_url", changed({ token_endpoint: phrase() })],
    "with an endpoint without TLS": [
      "insecure_url",
      changed({ token_endpoint: `http://elsewhere.example/?${word()}` }),
    ],
    "with a password in an endpoint": [
      "insecure_url",
      changed({ token_endpoint: `https://${word()}:${word()}@elsewhere.example/` }),
    ],
    "with unknown authentication methods": [
      "unsupported_by_server",
      changed({ token_endpoint_auth_methods_supported: [word(), phrase()] }),
    ],
    "with unknown grants": [undefined, changed({ grant_types_supported: [word(), phrase()] })],
  };
}

function resourceRows({ phrase, url, html }: Answers, stage: Stage): Rows {
  const changed =
    (members: object): Answer =>
    (response, { name }) => {
      const usual = { resource: stage.mcp(name), authorization_servers: [stage.issuer(name)] };
      stage.say.json(response, 200, { ...usual, ...members });
    };
  return {
    "of other issuers": ["issuer_mismatch", changed({ authorization_servers: [url(), phrase()] })],
    "of another resource": ["resource_mismatch", changed({ resource: url() })],
    "with prose instead of a resource": ["resource_mismatch", changed({ resource: phrase() })],
    "as HTML": [undefined, html(200)],
    failing: [undefined, html(500)],
  };
}

function mcpRows({ word, url, html, challenge, destroyed }: Answers): Rows {
  const refused = (challenged: string) => html(401, { "www-authenticate": challenged });
  return {
    "401": [undefined, html(401, challenge(`error="invalid_token", error_description="${word()}"`))],
    "401 without a challenge": [undefined, html(401)],
    "401 with another challenge": [undefined, refused(`Negotiate ${word()}, Basic realm="${word()}"`)],
    "401 with an incomplete challenge": [undefined, refused(`Bearer realm="${word()}, error=`)],
    "401 with a metadata URL at another origin": [
      undefined,
      html(401, challenge(`resource_metadata="http://elsewhere.example/?${word()}"`)),
    ],
    "401 with an invalid metadata URL": [undefined, html(401, challenge(`resource_metadata="${word()}"`))],
    "403": [undefined, html(403)],
    "403 for a scope": [
      "insufficient_scope",
      html(403, challenge(`error="insufficient_scope", scope="admin ${word()}"`)),
    ],
    "a redirect to another origin": ["egress_denied", html(307, { location: url() })],
    "a redirect to an invalid URL": [undefined, html(302, { location: `http://[${word()}` })],
    "500": [undefined, html(500)],
    "a dropped connection": ["network", destroyed],
  };
}
