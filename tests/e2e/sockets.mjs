/**
 * Stands between the page and the server of a routed WebSocket and hands on what either says.
 *
 * Nothing is handed on once it broke off, which the browser would call an error of the page. `answered` comes with the
 * server's first message: a connection that breaks off before it is open is another case.
 */
export function between(socket) {
  const server = socket.connectToServer();
  let isUp = true;
  socket.onMessage(message => isUp && server.send(message));
  const answered = new Promise(resolve => server.onMessage(message => {
    if (isUp) socket.send(message);
    resolve();
  }));
  return {
    url: socket.url(),
    answered,
    breakOff(options) {
      isUp = false;
      socket.close(options);
      server.close();
    },
  };
}
