import { afterEach, expect, test, vi } from "vitest";
import { createMcpAuth } from "../../../src/index.js";
import { createAuthority } from "../../support/certificates.js";
import { listen } from "../../support/listen.js";
import { caught } from "./world.js";

afterEach(() => vi.unstubAllEnvs());

test("verification stays on when the process has it off and the host passes an environment of its own", async () => {
  // Node looks at the environment of the process, whatever is passed to us.
  vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
  const authority = await createAuthority();
  const { certificate, privateKey } = await authority.issue({ hosts: ["127.0.0.1"] });
  const requests: string[] = [];
  const server = await listen(
    () => (request, response) => {
      requests.push(request.url ?? "");
      response.end("{}");
    },
    { cert: certificate, key: privateKey },
  );
  const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
  const auth = await createMcpAuth({
    config: { servers: { crm: { url: `${server.origin}/mcp`, grant: { client } } } },
    env: { SECRET: "canary" },
  });
  expect(await caught(auth.resolve("crm").getAccessToken())).toMatchObject({ code: "tls_failed" });
  expect(requests).toEqual([]);
  await auth.stop();
  await server.close();
});
