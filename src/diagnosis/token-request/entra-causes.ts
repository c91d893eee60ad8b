import type { Trial } from "../../errors/trial.js";

/** What some numbers in `error_codes` of Microsoft Entra ID mean for a client without a browser, and what to do. */
export interface EntraCause {
  readonly codes: readonly number[];
  readonly id: string;
  readonly cause: string;
  readonly remedy: string;
  readonly trials?: readonly Trial[];
}

const row = (
  codes: readonly number[],
  id: string,
  cause: string,
  remedy: string,
  trials: readonly Trial[] = [],
): EntraCause => ({ ...{ codes, id: `entra_${id}`, cause, remedy }, trials });

const withoutResource = { place: "grant", property: "resource", value: false } as const;

// Their meanings are those of Microsoft's page "Microsoft Entra authentication and authorization error codes", and for
// the codes that it lacks (700211 to 700213, 1002012, 9010010, 7000229) those of the messages that Entra ID sends.
export const entraCauses: readonly EntraCause[] = [
  row(
    [700016],
    "application_not_found",
    "The tenant has no application with this client id.",
    'Check the client\'s "id" (the application ID, not the object ID), and that the tenant in its "issuer" is the right one.',
  ),
  row(
    [7000229],
    "no_service_principal",
    "The application has no service principal in this tenant.",
    'Let an administrator add it to the tenant, or correct the tenant in the client\'s "issuer".',
  ),
  row(
    [7000112],
    "application_disabled",
    "The application is disabled.",
    "Enable it in Entra ID, or use another one.",
  ),
  row(
    [7000215],
    "wrong_secret",
    "The client secret is wrong.",
    'Use the "Value" of a secret of this application, not its "Secret ID".',
  ),
  row(
    [7000222],
    "expired_secret",
    "The client secret has expired.",
    "Create another one for this application, and put it where the config reads the secret.",
  ),
  row(
    [7000218, 7000216],
    "credential_missing",
    "The request had no credential of the client.",
    'Give the client its "secret", "key" or "assertion".',
  ),
  row(
    [700025],
    "public_client",
    "The application is a public client, so it must not present a credential.",
    "Add a credential to an application of its own that is not public.",
  ),
  row(
    [700027, 50012, 50006, 50003],
    "key_not_registered",
    "The application has no certificate for this key, or the assertion does not name it.",
    'Upload the certificate to the application, and give the key its "certificate", whose thumbprint is then sent.',
  ),
  row(
    [700030],
    "certificate_subject",
    "The subject of the certificate is not authorized.",
    "Register this certificate or its subject for the application.",
  ),
  row(
    [700021],
    "assertion_of_other_client",
    "The assertion is not that of this client id.",
    'Check the client\'s "id" and its "assertion".',
  ),
  row(
    [700024],
    "assertion_time",
    "The assertion is not valid at the time of the server.",
    "Correct the clock of this machine, or let the platform renew the assertion in time.",
  ),
  row(
    [700211],
    "federation_issuer",
    "No federated credential of the application has the issuer of the assertion.",
    "Compare the two character by character: a slash at the end counts.",
  ),
  row(
    [700212],
    "federation_audience",
    "No federated credential of the application has the audience of the assertion.",
    "Let the platform issue it for the audience of the federated credential, which is usually api://AzureADTokenExchange.",
  ),
  row(
    [700213, 7002131],
    "federation_subject",
    "No federated credential of the application has the subject of the assertion.",
    "Compare the two character by character: upper and lower case count.",
  ),
  row(
    [70021],
    "federation",
    "No federated credential of the application matches the assertion.",
    "Compare issuer, subject and audience; a new federated credential takes a few minutes to work.",
  ),
  row(
    [90002, 900023, 90038],
    "tenant_not_found",
    "There is no such tenant in this cloud.",
    'Correct the tenant in the client\'s "issuer", or use the host of the national cloud that it belongs to.',
  ),
  row(
    [9001023, 50059, 50194, 90019, 90130],
    "no_tenant",
    "The request names no tenant.",
    'Write the tenant\'s ID into the client\'s "issuer" and "metadata", instead of common, organizations or consumers.',
  ),
  row(
    [500011, 50001],
    "resource_not_found",
    "The tenant has no application for the resource in the scope.",
    'Correct the "scopes" of the grant (the application ID URI of the MCP server and /.default), or add it to the tenant.',
  ),
  row(
    [1002012],
    "default_scope",
    "An application needs a scope that ends in /.default.",
    'Set the grant\'s "scopes" to the application ID URI of the MCP server with /.default, as in ["api://ID/.default"].',
  ),
  row(
    [70011, 28002, 700022, 700023],
    "scope",
    "The scope is not valid.",
    'Set the grant\'s "scopes" to scopes of one resource, usually its application ID URI with /.default.',
  ),
  row(
    [9010010, 901002],
    "resource_and_scope",
    'The "resource" of the request does not match its scope.',
    `Set the grant's "resource" to ${withoutResource.value}, because for Entra ID the scope names the resource.`,
    [withoutResource],
  ),
  row(
    [90009],
    "token_for_itself",
    "The application requested a token for itself.",
    'Use the application ID instead of the application ID URI in the "scopes" of the grant.',
  ),
  row(
    [65001, 90094, 65004],
    "consent",
    "Nobody has consented to what this application requests.",
    "Let an administrator grant its permissions in the tenant.",
  ),
  row(
    [50105, 501051],
    "role_not_assigned",
    "The MCP server's application requires an assignment, and this client has none.",
    "Assign it an app role of the MCP server's application, and grant admin consent.",
  ),
  row(
    [650057],
    "permission_not_requested",
    "The application lists no permission for this resource.",
    "Add the MCP server's permission to its API permissions, and grant admin consent.",
  ),
  row(
    [53003, 530032, 50076, 50079],
    "conditional_access",
    "A Conditional Access policy blocks the request.",
    "Ask an administrator to except this client, or to allow the network that it runs in.",
  ),
  row(
    [50013, 500133],
    "user_assertion",
    "The user's token is not valid, has expired, or is for another application.",
    "Present an unexpired access token that was issued to this application as its audience.",
  ),
  row(
    [7000114],
    "on_behalf_of",
    "The application may not make requests on behalf of users.",
    "Present the token of a user, or use the grant client_credentials.",
  ),
  row(
    [240002],
    "id_token_as_assertion",
    "An ID token cannot be the assertion of this grant.",
    "Present an access token whose audience is this application.",
  ),
  row(
    [70008, 700082, 700084, 70043],
    "refresh_token",
    "The refresh token has expired or was revoked.",
    'Get a new one and put it where the grant\'s "refreshToken" is read; it replaces the stored one.',
  ),
  row([70003], "grant_type", "Entra ID does not offer this grant type.", "Use another grant."),
];
