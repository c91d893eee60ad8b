import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { selfSigned } from "../../support/certificates.js";
import { clientAssertion, type Product, tokenRequest } from "../../support/stand-in/product.js";

const issuer = "https://adfs.example.com/adfs";
const tokenEndpoint = `${issuer}/oauth2/token/`;
const id = "97e0a5b7-d745-40b6-94fe-5f77d35c6e05";

const { certificate, privateKey } = await selfSigned({ keyType: "rsa" });
const x5t = createHash("sha1").update(new X509Certificate(certificate).raw).digest("base64url");

export const adfs: Product = {
  mark: "adfs",
  title: "the AD FS config sends an RS256 assertion with x5t and no other name of the key",
  metadata: {
    [`${issuer}/.well-known/openid-configuration`]: {
      issuer,
      token_endpoint: tokenEndpoint,
      access_token_issuer: "http://adfs.example.com/adfs/services/trust",
      token_endpoint_auth_methods_supported: [
        ...["client_secret_post", "client_secret_basic", "private_key_jwt", "windows_client_authentication"],
      ],
      token_endpoint_auth_signing_alg_values_supported: ["RS256"],
    },
  },
  files: { "./adfs.key": privateKey, "./adfs.crt": certificate },
  requests: [
    tokenRequest(tokenEndpoint, [
      ["grant_type", "client_credentials"],
      ["resource", "https://mcp.example.com/billing"],
      ["client_id", id],
      ...clientAssertion({
        privateKey: createPrivateKey(privateKey),
        header: { alg: "RS256", typ: "JWT", x5t },
        claims: { iss: id, sub: id, aud: tokenEndpoint },
        lifetime: 60,
      }),
    ]),
  ],
};
