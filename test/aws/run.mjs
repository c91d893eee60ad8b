// `npm run test:aws`: reads the identity of a machine in AWS with the built package and the official SDK, against a
// stand-in for AWS STS on this machine. The last line is `N passed, N failed`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { inspect } from "node:util";
import { hangLimit } from "../support/hang-limit.js";

const here = import.meta.dirname;
const root = join(here, "../..");
const work = await realpath(await mkdtemp(join(tmpdir(), "aws-")));
const tally = { passed: 0, failed: 0 };
const audience = "https://auth.example";
const credentials = {
  AWS_REGION: "eu-central-1",
  AWS_ACCESS_KEY_ID: "AKIDTEST",
  AWS_SECRET_ACCESS_KEY: "canary",
};

/** An unsigned JWT. */
const tokenFor = (aud) =>
  [{ alg: "RS256" }, { aud, sub: "arn:aws:iam::123456789012:role/agent" }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .concat("c2ln")
    .join(".");

/** Starts a server that answers with what `answer` returns, and records its requests. */
async function start(answer) {
  const requests = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    requests.push({ url: request.url, headers: request.headers, form: new URLSearchParams(body) });
    const { status = 200, type = "application/json", text } = answer(request);
    response.writeHead(status, { "content-type": type }).end(text);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, requests, close: () => server.close() };
}

let answerOfSts;
const sts = await start(() => answerOfSts);
const issuer = await start(({ url }) => {
  if (url === "/token") {
    return { text: JSON.stringify({ access_token: "of-the-server", token_type: "Bearer", expires_in: 600 }) };
  }
  const isMetadata = url === "/.well-known/oauth-authorization-server";
  const metadata = { issuer: issuer.origin, token_endpoint: `${issuer.origin}/token` };
  return isMetadata ? { text: JSON.stringify(metadata) } : { status: 404, text: "{}" };
});

const issued = (token) => ({
  type: "text/xml",
  text: `<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetWebIdentityTokenResult><WebIdentityToken>${token}</WebIdentityToken><Expiration>2036-01-01T00:00:00Z</Expiration></GetWebIdentityTokenResult></GetWebIdentityTokenResponse>`,
});
const refusal = (status, code) => ({
  status,
  type: "text/xml",
  text: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>canary</Message></Error></ErrorResponse>`,
});

/** Creates a project with the built package, and with the packages in another folder of packages. */
async function createProject(name, packages) {
  const folder = join(work, name);
  const own = join(folder, "node_modules/mcp-auth-runtime");
  await mkdir(own, { recursive: true });
  // A copy: a link would be resolved, and the SDK would be looked up in this repository.
  await cp(join(root, "dist"), join(own, "dist"), { recursive: true });
  await cp(join(root, "package.json"), join(own, "package.json"));
  const links = ["jsonc-parser", "oauth4webapi", "p-retry", "is-network-error"].map((each) => [root, each]);
  for (const each of packages) links.push([here, each]);
  for (const [from, each] of links) {
    const to = join(folder, "node_modules", each);
    await mkdir(dirname(to), { recursive: true });
    await symlink(join(from, "node_modules", each), to);
  }
  await cp(join(here, "agent.mjs"), join(folder, "agent.mjs"));
  const grant = { type: "jwt_bearer", client: { issuer: issuer.origin }, assertion: { aws: { audience } } };
  const config = {
    defaults: { retry: { attempts: 1 } },
    servers: { crm: { url: `${issuer.origin}/mcp`, grant } },
  };
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  await writeFile(join(folder, "mcp-auth.config.json"), JSON.stringify(config));
  return folder;
}

/** Runs the agent and returns what it prints. */
async function run(folder, env) {
  const child = spawn(process.execPath, ["agent.mjs"], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      AWS_ENDPOINT_URL_STS: sts.origin,
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_MAX_ATTEMPTS: "1",
      ...env,
    },
    signal: AbortSignal.timeout(hangLimit),
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => (stdout += data));
  child.stderr.on("data", (data) => (stderr += data));
  // The process ends by itself, although the SDK keeps its client.
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stdout + stderr, /canary/);
  return JSON.parse(stdout);
}

async function check(title, test) {
  try {
    await test();
    tally.passed += 1;
    console.log(`ok      ${title}`);
  } catch (error) {
    tally.failed += 1;
    console.log(`FAILED  ${title}\n${inspect(error)}`);
  }
}

const says = (problem) =>
  `Server "crm": could not read the secret from the identity of this machine in AWS: ${problem}`;

try {
  const bare = await createProject("bare", []);
  const names = (await readdir(join(here, "node_modules"))).filter((name) => !name.startsWith("."));
  const withSdk = await createProject("sdk", names);

  await check("the token of STS is the assertion of the token request", async () => {
    const token = tokenFor(audience);
    answerOfSts = issued(token);
    assert.deepEqual(await run(withSdk, credentials), { token: "of-the-server" });
    const [{ form, headers }] = sts.requests;
    assert.deepEqual(Object.fromEntries(form), {
      Action: "GetWebIdentityToken",
      Version: "2011-06-15",
      "Audience.member.1": audience,
      SigningAlgorithm: "RS256",
    });
    assert.match(
      headers.authorization,
      /^AWS4-HMAC-SHA256 Credential=AKIDTEST\/\d+\/eu-central-1\/sts\/aws4_request/,
    );
    const request = issuer.requests.find(({ url }) => url === "/token");
    assert.equal(request.form.get("assertion"), token);
  });

  const cases = [
    [
      "another audience",
      issued(tokenFor("https://other.example")),
      credentials,
      "the token is for another audience than the one in the config, so it was not used.",
    ],
    [
      "a refusal",
      refusal(403, "AccessDenied"),
      credentials,
      "AWS denied it. Allow the role `sts:GetWebIdentityToken` for this audience and RS256.",
    ],
    [
      "an account without the feature",
      refusal(403, "OutboundWebIdentityFederationDisabledException"),
      credentials,
      "outbound identity federation is turned off in this AWS account. An administrator turns it on in IAM (EnableOutboundWebIdentityFederation).",
    ],
    [
      "expired credentials",
      refusal(403, "ExpiredToken"),
      credentials,
      "the AWS credentials of this machine have expired. Renew them.",
    ],
    [
      "the global endpoint",
      refusal(400, "InvalidAction"),
      credentials,
      "this endpoint of AWS STS has no GetWebIdentityToken. Set AWS_REGION to use a regional endpoint.",
    ],
    ["a busy service", refusal(400, "Throttling"), credentials, "AWS STS answered 400. Try again later."],
    [
      "a failure of the service",
      refusal(503, "ServiceUnavailable"),
      credentials,
      "AWS STS answered 503. Try again later.",
    ],
    [
      "a region that is empty",
      issued(""),
      { ...credentials, AWS_REGION: "" },
      "the AWS SDK knows no valid region. Set AWS_REGION.",
    ],
    [
      "a region that is not set",
      issued(""),
      { AWS_ACCESS_KEY_ID: credentials.AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: "canary" },
      "the AWS SDK knows no valid region. Set AWS_REGION.",
    ],
    [
      "no credentials",
      issued(""),
      { AWS_REGION: "eu-central-1" },
      "the AWS SDK found no credentials. Attach a role to this machine, or set AWS_PROFILE.",
    ],
    [
      "an address that refuses connections",
      issued(""),
      { ...credentials, AWS_ENDPOINT_URL_STS: "http://127.0.0.1:1" },
      "AWS STS could not be reached. Check AWS_REGION and the network.",
    ],
  ];
  for (const [what, answer, env, problem] of cases) {
    await check(`the error names the cause: ${what}`, async () => {
      answerOfSts = answer;
      const { code, message } = await run(withSdk, env);
      assert.deepEqual([code, message], ["secret_unavailable", says(problem)]);
    });
  }
  await check("without the SDK, the error says what to install", async () => {
    const { code, message } = await run(bare, credentials);
    assert.equal(code, "secret_unavailable");
    assert.equal(
      message,
      says('the package "@aws-sdk/client-sts" is not installed. Run: npm install @aws-sdk/client-sts'),
    );
  });
  await check("with an SDK that is too old, the error says so", async () => {
    const old = await createProject("old", []);
    const own = join(old, "node_modules/@aws-sdk/client-sts");
    await mkdir(own, { recursive: true });
    await writeFile(join(own, "package.json"), '{ "type": "module", "exports": "./index.js" }\n');
    await writeFile(join(own, "index.js"), "export class STSClient {}\n");
    const { message } = await run(old, credentials);
    assert.equal(
      message,
      says(
        'the package "@aws-sdk/client-sts" is too old for GetWebIdentityToken. Run: npm install @aws-sdk/client-sts@latest',
      ),
    );
  });
} finally {
  sts.close();
  issuer.close();
  await rm(work, { recursive: true, force: true });
}
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed === 0 ? 0 : 1;
