// `origin` is all that says it speaks with Baton.

module.exports = {
  session: { driver: 'memory', stores: { memory: { maxSize: 500 } } },
  initialState: {},
  channels: {
    messenger: {
      enabled: true,
      path: '/webhook',
      pageId: process.env.MESSENGER_PAGE_ID,
      accessToken: process.env.MESSENGER_ACCESS_TOKEN,
      appId: process.env.MESSENGER_APP_ID,
      appSecret: process.env.MESSENGER_APP_SECRET,
      verifyToken: process.env.MESSENGER_VERIFY_TOKEN,
      origin: process.env.MESSENGER_ORIGIN,
      skipLegacyProfile: true,
    },
  },
};
