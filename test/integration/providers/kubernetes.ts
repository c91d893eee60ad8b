import { type Product, platformToken } from "../../support/stand-in/product.js";
import { platformRequest, trustingIssuer, trustingMetadata } from "./trusting-server.js";

const token = platformToken({ sub: "system:serviceaccount:agents:billing", aud: trustingIssuer });

export const kubernetes: Product = {
  mark: "kubernetes",
  title: "the Kubernetes config sends the projected token in its file as assertion",
  metadata: trustingMetadata,
  files: { "/var/run/secrets/tokens/mcp": `${token}\n` },
  requests: [platformRequest(token, "invoices.read", "https://mcp.example.com/billing")],
};
