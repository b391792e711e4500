/** What stands behind the # of the address, once: it leaves the address bar and the history of a shared computer. */
export function fragment(): URLSearchParams {
  const told = new URLSearchParams(location.hash.slice(1));
  if (location.hash) history.replaceState(history.state, "", location.pathname + location.search);
  return told;
}

/** The token of a mailed link, empty without one. */
export const fragmentToken = (): string => fragment().get("token") ?? "";
