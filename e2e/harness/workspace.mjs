// The workspace that the journeys publish: one organization, one connection, one agent.

/** Files by path. `${CORP_CLIENT_SECRET}` is resolved by `usher apply` from its environment. */
export function workspace({ issuer, client_id }) {
  return {
    'organizations/acme/organization.yaml': 'organization: acme\ntitle: Acme Corporation\n',
    'organizations/acme/connections/corp.yaml': `connection: corp
title: Acme sign-in
discovery: ${issuer}
client_id: ${client_id}
client_secret: \${CORP_CLIENT_SECRET}
client_auth: basic
scopes: [openid, profile, email, offline_access]
prompt: consent
additional_claims: preferred_username
require_verified_email: true
allowed_origins: [${issuer}]
identity:
  get: "{userinfo}"
  map:
    ChatUser.Email: email
    ChatUser.FirstName: given_name
    ChatUser.LastName: family_name
`,
    'organizations/acme/agents/travel/agent.yaml': `agent: travel
title: Travel assistant
security:
  sign_in: { connection: corp }
start: main
`,
    'organizations/acme/agents/travel/flows/main.yaml': flow(issuer),
  };
}

function flow(issuer) {
  return `flow: main
starts: chat
variables: { trips: [] }
on_exception: sorry
steps:
  - id: greet
    message: Hi! I can show your next trips.
  - id: sign_in
    when: "[[ChatUser]].SSOToken == null"
    sign_in:
      connection: corp
      get_user_identity: true
      block_user_input: true
      card:
        text: Please sign in, so that I can look up your trips.
        buttons:
          - { title: Sign In, value: "[[ChatUser]].OauthAccessURL" }
          - { title: Cancel, value: cancel }
    post_actions: [save_identified_user, save_authenticated_user]
  - id: trips
    http:
      connection: corp
      get: ${issuer}/api/trips
      into: trips
  - id: show
    message: "{{ ChatUser.FirstName }}, you have {{ trips | length }} trips, says the travel system to {{ trips[0].subject }}."
    next: end
  - id: sorry
    message: "I could not show your trips ([[SystemError]].Code)."
    next: end
`;
}
