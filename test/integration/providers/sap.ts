import { createAuthority } from "../../support/certificates.js";
import { type Product, tokenRequest } from "../../support/stand-in/product.js";

const subdomain = "https://acme.authentication.eu10.hana.ondemand.com";
const certificateSubdomain = "https://acme.authentication.cert.eu10.hana.ondemand.com";
const id = "sb-billing-agent!t12345";

function services(credentials: Readonly<Record<string, string>>): string {
  const binding = { label: "xsuaa", plan: "application", credentials: { clientid: id, ...credentials } };
  return JSON.stringify({ xsuaa: [binding] });
}

const secret: Product = {
  mark: "sap-secret",
  title: "the SAP BTP config sends the secret of the binding in VCAP_SERVICES in the body",
  env: { VCAP_SERVICES: services({ clientsecret: "aA1B2Cc+/dDd=", url: subdomain }) },
  requests: [
    tokenRequest(`${subdomain}/oauth/token`, [
      ["grant_type", "client_credentials"],
      ["client_id", id],
      ["client_secret", "aA1B2Cc+/dDd="],
    ]),
  ],
};

const authority = await createAuthority();
const own = await authority.issue({ client: true, subject: "CN=billing-agent, O=SAP SE, C=DE" });

const certificate: Product = {
  mark: "sap-certificate",
  title: "the SAP BTP config with a certificate presents that of the binding in VCAP_SERVICES",
  env: {
    VCAP_SERVICES: services({
      certificate: own.certificate,
      key: own.privateKey,
      certurl: certificateSubdomain,
    }),
  },
  mutualTls: { authority, own, another: await authority.issue({ client: true }) },
  requests: [
    tokenRequest(`${certificateSubdomain}/oauth/token`, [
      ["grant_type", "client_credentials"],
      ["client_id", id],
    ]),
  ],
};

export const sap: readonly Product[] = [secret, certificate];
