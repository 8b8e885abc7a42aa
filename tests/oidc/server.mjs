// A provider for one client, on loopback: it lets in whoever the cookie "as" names, and asks nobody anything.
// Node's own file names: the first line it prints is its issuer.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [callback] = process.argv.slice(2);
const ACCOUNTS = {
  abbie: { email: 'Abbie@Example.com', email_verified: true, customer_number: 'HB-1234567' },
  unverified: { email: 'abbie@example.com', email_verified: false },
  stranger: { email: 'stranger@example.com', email_verified: true },
};

const server = createServer((request, response) => answer(request, response));
let answer;
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'portal', client_secret: 'a secret: +/=', redirect_uris: [callback] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['customer_number'] },
    cookies: { keys: ['only for tests'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    pkce: { required: () => true },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...ACCOUNTS[sub] }) }),
  });
  const rest = provider.callback();
  answer = async (request, response) => {
    if (!request.url.startsWith('/interaction/')) return rest(request, response);
    const { params } = await provider.interactionDetails(request, response);
    const accountId = /as=(\w+)/.exec(request.headers.cookie ?? '')?.[1] ?? 'abbie';
    const grant = new provider.Grant({ accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    const result = { login: { accountId }, consent: { grantId: await grant.save() } };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  };
  console.log(issuer);
});
