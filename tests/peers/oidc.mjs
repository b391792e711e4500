// A real OpenID provider on the loopback. Configuration comes as one JSON line on standard input; when it listens, it
// says so in one line on standard output. Whoever asks with `login_hint` is that person, and agrees to everything;
// `nobody` says no.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

const [line] = await once(createInterface({ input: process.stdin }), 'line');
const { fd, port, keys, clients, people } = JSON.parse(line);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  clients: clients.map((client) => ({
    token_endpoint_auth_method: 'none',
    redirect_uris: [`${issuer}/landed`],
    ...client,
  })),
  jwks: { keys },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256'] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['for tests only'] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
  loadExistingGrant: async ({ oidc }) => {
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope('openid email profile');
    await grant.save();
    return grant;
  },
  ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
});

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  const { params } = await provider.interactionDetails(ctx.req, ctx.res);
  if (params.login_hint === 'nobody') {
    return provider.interactionFinished(ctx.req, ctx.res, { error: 'access_denied', error_description: 'No.' });
  }
  return provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: params.login_hint }, consent: {} });
});

createServer(provider.callback()).listen({ fd }, () => console.log('listening'));
