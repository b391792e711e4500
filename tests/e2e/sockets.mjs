/**
 * Lets a test break off the connections of a page, as a network does, and see when each began.
 *
 * All of it happens in the page. Handed on by way of the test's process instead, a message can reach a socket that was
 * closed meanwhile, which the browser calls an error of the page; and times taken there tell of that process.
 */
export async function breakable(context) {
  await context.addInitScript(() => {
    window.connections = [];
    const Native = window.WebSocket;
    window.WebSocket = class extends Native {
      constructor(...given) {
        super(...given);
        const connection = { socket: this, begunMs: performance.now(), brokenMs: null, heard: 0 };
        window.connections.push(connection);
        this.addEventListener("message", () => { connection.heard += 1; });
      }
    };
  });
}

/** Breaks off a page's connection to `path`; not before the server has said so much: a refusal is another case. */
export async function breakOff(page, path, { heard = 1 } = {}) {
  await page.waitForFunction(([path, heard]) => {
    const connection = window.connections.findLast(({ socket, brokenMs }) => socket.url.endsWith(path) && brokenMs === null);
    if (!(connection?.heard >= heard)) return false;
    connection.brokenMs = performance.now();
    connection.socket.close();
    return true;
  }, [path, heard]);
}
