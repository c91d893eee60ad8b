import type { ArrivedRequest, ExpectedRequest, FormField } from "./expected-request.js";
import { encode } from "./expected-request.js";
import { jwtMutations } from "./jwt-mutations.js";
import { expectedPayload, type SignedJwt, sign } from "./signed-jwt.js";

/** A request that differs from the expected one in one place. */
export interface Mutation {
  readonly name: string;
  /** What a stand-in must name as the difference. */
  readonly difference: string;
  readonly request: ArrivedRequest;
}

/** A field that is sent as it is written here: a JWT is text. */
type SentField = readonly [name: string, value: string];

/** Builds the expected request, as the package would send it now. */
export async function buildExpected(expected: ExpectedRequest): Promise<ArrivedRequest> {
  return await build(expected, await sendable(expected.form ?? []));
}

/** Returns requests that each differ from the expected one in a single place. Their JWTs have valid signatures. */
export async function mutations(expected: ExpectedRequest): Promise<Mutation[]> {
  const form = expected.form ?? [];
  const made: Mutation[] = [
    ...(await requestLineMutations(expected)),
    ...(await headerMutations(expected)),
    ...(await authenticationMutations(expected)),
  ];
  for (const { name, difference, fields } of await formMutations(form)) {
    made.push({ name, difference, request: await build(expected, fields) });
  }
  return made;
}

async function requestLineMutations(expected: ExpectedRequest): Promise<Mutation[]> {
  const method = expected.method === "GET" ? "POST" : "GET";
  const { pathname, search, searchParams } = new URL(expected.url, "http://stand-in");
  const query = [...searchParams];
  const queries: [string, string][][] = [
    [...query, ["unexpected", "1"]],
    ...query.flatMap(([name, value], index): [string, string][][] => [
      query.toSpliced(index, 1),
      query.with(index, [name, `${value}x`]),
      [...query, [name, value]],
    ]),
  ];
  const urls = [`${pathname}/${search}`, ...queries.map((one) => `${pathname}?${new URLSearchParams(one)}`)];
  const right = await buildExpected(expected);
  const made = [{ name: `method ${method}`, difference: "method", request: { ...right, method } }];
  for (const url of urls) {
    made.push({
      name: `URL ${url}`,
      difference: "url",
      request: { ...(await buildExpected(expected)), url },
    });
  }
  return made;
}

async function headerMutations(expected: ExpectedRequest): Promise<Mutation[]> {
  const right = await buildExpected(expected);
  const without = (name: string) =>
    Object.entries(expected.headers)
      .filter(([other]) => other !== name)
      .flat();
  const made = Object.entries(expected.headers).flatMap(([name, value]) => [
    { name: `no header ${name}`, of: name, rawHeaders: without(name) },
    { name: `another header ${name}`, of: name, rawHeaders: [...without(name), name, `${value}x`] },
    { name: `header ${name} twice`, of: name, rawHeaders: [...right.rawHeaders, name, value] },
  ]);
  for (const [name, value] of [
    ["authorization", "Bearer unexpected"],
    ["dpop", "unexpected"],
    ["cookie", "a=b"],
    ["x-unexpected", "1"],
  ] as const) {
    if (name in expected.headers) continue;
    made.push({
      name: `unexpected header ${name}`,
      of: name,
      rawHeaders: [...right.rawHeaders, name, value],
    });
  }
  return await Promise.all(
    made.map(async ({ name, of, rawHeaders }) => ({
      name,
      difference: `header ${of}`,
      request: { ...(await buildExpected(expected)), rawHeaders },
    })),
  );
}

/** The same credential at the other place, or another one. */
async function authenticationMutations(expected: ExpectedRequest): Promise<Mutation[]> {
  const { headers, form } = expected;
  if (form === undefined) return [];
  const sent = await sendable(form);
  const value = (name: string) => sent.find(([other]) => other === name)?.[1];
  const basic = /^Basic (.+)$/.exec(headers["authorization"] ?? "")?.[1];
  if (basic !== undefined) {
    const [id = "", secret = ""] = Buffer.from(basic, "base64").toString("utf8").split(":");
    const { authorization: _, ...others } = headers;
    const fields: SentField[] = [...sent, ["client_id", id], ["client_secret", secret]];
    const request = await build({ ...expected, headers: others }, fields);
    return [{ name: "the secret in the body", difference: "header authorization", request }];
  }
  const secret = value("client_secret") ?? value("client_assertion") ?? value("assertion") ?? "secret";
  const credentials = Buffer.from(`${value("client_id") ?? "client"}:${secret}`).toString("base64");
  const inHeader = sent.filter(([name]) => !name.startsWith("client_"));
  const authorization = `Basic ${credentials}`;
  return [
    {
      name: "the credential in a Basic header",
      difference: "header authorization",
      request: await build({ ...expected, headers: { ...headers, authorization } }, inHeader),
    },
  ];
}

interface FormMutation {
  readonly name: string;
  readonly difference: string;
  readonly fields: readonly SentField[];
}

const commonFields = ["client_id", "client_secret", "resource", "audience", "scope", "unexpected"];

async function formMutations(form: readonly FormField[]): Promise<FormMutation[]> {
  const made: FormMutation[] = [];
  for (const [index, [name, value]] of form.entries()) {
    const difference = `field ${encode(name)}`;
    const sent = await sendable(form);
    const replaced = (text: string) => sent.with(index, [name, text]);
    const [, text = ""] = sent[index] ?? [];
    made.push(
      { name: `no ${name}`, difference, fields: sent.toSpliced(index, 1) },
      { name: `empty ${name}`, difference, fields: replaced("") },
      { name: `${name} twice`, difference, fields: [...sent, [name, text]] },
    );
    if (typeof value === "string") {
      made.push({ name: `another ${name}`, difference, fields: replaced(`${value}x`) });
      continue;
    }
    for (const mutation of await jwtMutations(value)) {
      made.push({
        name: `${name} with ${mutation.name}`,
        difference: `${difference}: ${mutation.difference}`,
        fields: (await sendable(form)).with(index, [name, mutation.jwt]),
      });
    }
  }
  for (const name of commonFields) {
    if (form.some(([other]) => other === name)) continue;
    const fields: SentField[] = [...(await sendable(form)), [name, "unexpected"]];
    made.push({ name: `unexpected ${name}`, difference: `field ${name}`, fields });
  }
  if (form.length > 1) {
    const fields = (await sendable(form)).toReversed();
    made.push({ name: "fields in reverse order", difference: "order of fields", fields });
  }
  return made;
}

async function sendable(form: readonly FormField[]): Promise<SentField[]> {
  return await Promise.all(
    form.map(
      async ([name, value]) => [name, typeof value === "string" ? value : await signNow(value)] as const,
    ),
  );
}

async function signNow(expected: SignedJwt): Promise<string> {
  return await sign(expected.header, expectedPayload(expected), expected.privateKey);
}

async function build(expected: ExpectedRequest, fields: readonly SentField[]): Promise<ArrivedRequest> {
  const { method, url, headers, certificate } = expected;
  const body = new URLSearchParams(fields.map(pair)).toString();
  return { method, url, rawHeaders: Object.entries(headers).flat(), body, certificate };
}

/** `URLSearchParams` takes no read-only pairs. */
function pair([name, value]: SentField): [string, string] {
  return [name, value];
}
