import { expect, test } from "vitest";
import { createMcpAuth } from "../../../src/index.js";
import { sendJson, startHttpServer } from "../../support/http-server.js";
import { caught } from "./world.js";

test("the cool-down after a refused subject token does not block a new subject token of the same user", async () => {
  await using server = await startHttpServer((request, response) => {
    if (request.url === "/.well-known/oauth-authorization-server") {
      return sendJson(response, { issuer: server.origin, token_endpoint: `${server.origin}/token` });
    }
    if (request.url !== "/token") return void response.writeHead(404).end();
    const subject = new URLSearchParams(request.body).get("subject_token");
    if (subject !== "fresh") return sendJson(response, { error: "invalid_grant" }, 400);
    const issued_token_type = "urn:ietf:params:oauth:token-type:access_token";
    return sendJson(response, {
      access_token: "t",
      token_type: "Bearer",
      expires_in: 3_600,
      issued_token_type,
    });
  });
  const auth = await createMcpAuth({
    config: {
      servers: {
        crm: {
          url: `${server.origin}/mcp`,
          grant: {
            type: "token_exchange",
            client: { issuer: server.origin, id: "agent" },
            subject: { token: { runtime: true } },
          },
        },
      },
    },
    env: {},
  });
  const crm = auth.resolve("crm");
  const ada = (subjectToken: string) => crm.for({ key: "ada", subjectToken }).getAccessToken();
  expect(await caught(ada("ended"))).toMatchObject({ code: "token_request_rejected" });
  const requestsBefore = server.requests.length;
  expect(await caught(ada("ended"))).toMatchObject({ code: "token_request_rejected" });
  expect(server.requests).toHaveLength(requestsBefore);
  expect(await ada("fresh")).toBe("t");
  await auth.stop();
});
