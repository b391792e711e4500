/** Addresses: which page a path means, and how one is gone to. Paths here begin with "/" below the page's <base>. */

import table from "../routes.json";

export interface Route {
  readonly path: string;
  readonly page: string;
  readonly title: string;
  readonly for: "anyone" | "signed-in" | "signed-out";
  /** Served with a policy of its own (camera, WebAssembly): going there or away loads the document anew. */
  readonly camera?: boolean;
}

export interface Place {
  readonly route: Route;
  readonly path: string;
  readonly part: string;
  readonly query: URLSearchParams;
}

const routes = table as readonly Route[];
const base = new URL(document.baseURI).pathname;
const patterns = routes.map(route => ({ route, pattern: new RegExp(`^${route.path.replace(/\{\w+\}/, "([^/]+)")}$`) }));

/** The address of a path, for links. */
export const href = (path: string): string => base + path.slice(1);

/** Where an address of ours leads, null for any other. */
export function placeAt(url: URL): Place | null {
  if (url.origin !== location.origin || !url.pathname.startsWith(base)) return null;
  const path = `/${url.pathname.slice(base.length)}`;
  for (const { route, pattern } of patterns) {
    const match = pattern.exec(path);
    if (match) return { route, path, part: decoded(match[1] ?? ""), query: url.searchParams };
  }
  return null;
}

/** Where somebody was going who is to sign in first: `return_to` of an address, when it is one of our pages; else null. */
export function wayBack(query: URLSearchParams): string | null {
  const path = query.get("return_to");
  if (!path?.startsWith("/") || path.startsWith("//")) return null;
  const place = placeAt(new URL(href(path), location.origin));
  return place && place.route.for !== "signed-out" ? path : null;
}

/** The page to sign in on, from which one comes back to `path`: source D's where the face alone signs in. */
export function gate(path: string, { byFace = false }: { byFace?: boolean } = {}): string {
  return withWayBack(byFace ? "/realtime" : "/login", path);
}

/** A page on the way, which knows where it leads in the end. */
export const withWayBack = (page: string, path: string | null): string =>
  path ? `${page}?return_to=${encodeURIComponent(path)}` : page;

/** Where a link that proves an address leads at source B's page or that of our earlier letters; null for any other. */
export function movedTo(url: URL): string | null {
  if (!["/onboarding", "/verify"].includes(placeAt(url)?.path ?? "")) return null;
  const token = new URLSearchParams(url.hash.slice(1)).get("token") ?? url.searchParams.get("token");
  return token && `/verify-email#token=${encodeURIComponent(token)}`;
}

type Listener = (url: URL, how: "link" | "back") => void;
let listener: Listener = () => undefined;

/** Goes to a path; the shell shows it. */
export function go(path: string, { replace = false, state = null }: { replace?: boolean; state?: unknown } = {}): void {
  const url = new URL(href(path), location.origin);
  const here = placeAt(new URL(location.href));
  const there = placeAt(url);
  if (!there || Boolean(there.route.camera) !== Boolean(here?.route.camera)) {
    location[replace ? "replace" : "assign"](url);
    return;
  }
  history[replace ? "replaceState" : "pushState"](state, "", url);
  listener(url, "link");
}

/** Tells `heard` of every way to go somewhere: links, the browser's own buttons, and `go`. */
export function listen(heard: Listener): void {
  listener = heard;
  addEventListener("popstate", () => heard(new URL(location.href), "back"));
  document.addEventListener("click", event => {
    const link = event.composedPath().find(node => node instanceof HTMLAnchorElement);
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute("download")) return;
    const url = new URL(link.href);
    const place = placeAt(url);
    if (!place || url.hash) return;
    event.preventDefault();
    go(place.path + url.search);
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
