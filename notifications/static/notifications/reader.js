/** Who reads, and in what language. */

export function languageOf(node) {
  const wished = node.closest("[lang]")?.lang || navigator.language;
  try {
    return Intl.getCanonicalLocales(wished)[0];
  } catch {
    return "en";
  }
}

/** The `sub` of a JWT, unverified: it only names a lock. */
export function subjectOf(token) {
  try {
    const payload = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(atob(payload)).sub ?? null;
  } catch {
    return null;
  }
}
