const standard = /^(?:openid|profile|email|offline_access|.*\/\.default)$/;

/**
 * Whether a scope asks for other tokens or claims (OpenID Connect), or stands for other scopes, as that of Entra ID does.
 * No resource lists it, and no access token need have it.
 */
export function isStandardScope(scope: string): boolean {
  return standard.test(scope);
}
