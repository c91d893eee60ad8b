import { jwtBearerGrant, type Product, tokenRequest } from "../../support/stand-in/product.js";
import { rsa } from "./test-keys.js";

const issuer = "https://acme-a1b2c3.zitadel.cloud";
const userId = "100507859606888466";
const keyId = "100509901696068329";

export const zitadel: Product = {
  mark: "zitadel",
  title:
    "the Zitadel config sends an assertion of the service account, with openid and the project as scopes",
  metadata: {
    [`${issuer}/.well-known/openid-configuration`]: {
      issuer,
      token_endpoint: `${issuer}/oauth/v2/token`,
      token_endpoint_auth_methods_supported: [
        ...["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
      ],
      grant_types_supported: ["authorization_code", "client_credentials", jwtBearerGrant],
    },
  },
  files: {
    "./zitadel.json": JSON.stringify({
      type: "serviceaccount",
      keyId,
      key: rsa.privateKey.export({ type: "pkcs1", format: "pem" }),
      userId,
    }),
  },
  requests: [
    tokenRequest(`${issuer}/oauth/v2/token`, [
      ["grant_type", jwtBearerGrant],
      ["scope", "openid urn:zitadel:iam:org:project:id:204455112233445566:aud"],
      [
        "assertion",
        {
          privateKey: rsa.privateKey,
          header: { alg: "RS256", typ: "JWT", kid: keyId },
          claims: { iss: userId, sub: userId, aud: issuer },
          lifetime: 300,
        },
      ],
    ]),
  ],
};
