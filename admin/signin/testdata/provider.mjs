// An identity provider for tests: node-oidc-provider, which is certified by the OpenID Foundation, with a login form
// that takes any name. It listens on 127.0.0.1 alone, prints its issuer, and ends with its standard input.
//
//   node provider.mjs <file of the module> <options as JSON>
//
// Options: port (0: any), redirect, secret, method of client authentication, people (claims by login), userinfo (claims
// of scopes are there alone, and not in the ID token).
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const [file, json] = process.argv.slice(2);
const options = JSON.parse(json);
const { default: Provider } = await import(pathToFileURL(file).href);

const server = createServer();
server.listen(options.port, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'usagereport',
      client_secret: options.secret,
      redirect_uris: [options.redirect],
      token_endpoint_auth_method: options.method,
    }],
    clientAuthMethods: [options.method],
    pkce: { methods: ['S256'], required: () => true },
    scopes: ['openid', 'email', 'profile', 'groups'],
    claims: { openid: ['sub'], email: ['email'], profile: ['name', 'preferred_username'], groups: ['groups'] },
    conformIdTokenClaims: options.userinfo,
    cookies: { keys: ['for tests only'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...options.people[id] }) }),
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
process.stdin.on('end', () => process.exit(0)).resume();
