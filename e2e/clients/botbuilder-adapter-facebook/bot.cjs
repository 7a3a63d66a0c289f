// A Botkit bot as its documentation has it: `api_host` is all that says it speaks with Baton. The adapter knows no http.

const { Botkit } = require('botkit');
const { FacebookAdapter } = require('botbuilder-adapter-facebook');

const { API_HOST, APP_SECRET, ACCESS_TOKEN, VERIFY_TOKEN, DESK } = process.env;

const adapter = new FacebookAdapter({
  api_host: API_HOST,
  verify_token: VERIFY_TOKEN,
  app_secret: APP_SECRET,
  access_token: ACCESS_TOKEN,
});
const controller = new Botkit({ webhook_uri: '/webhook', adapter, disable_console: true });

const of = (message) => ({ recipient: { id: message.user } });

controller.hears('human', 'message', async (bot, message) => {
  await bot.reply(message, 'A colleague takes over.');
  const answer = await bot.api.callAPI('/me/pass_thread_control', 'POST', { ...of(message), target_app_id: DESK });
  console.log(`passed: ${JSON.stringify(answer)}`);
  // The adapter prints what is refused, and goes on.
  await bot.reply(message, 'one more thing');
});

controller.on('message', async (bot, message) => {
  if (message.standby) {
    console.log(`standby: ${message.text}`);
    return;
  }
  await bot.reply(message, { text: `You said ${message.text}`, quick_replies: [{ content_type: 'text', title: 'Human', payload: 'human' }] });
  const person = await bot.api.callAPI(`/${message.user}`, 'GET', { fields: 'first_name' });
  console.log(`to ${person.first_name}`);
});

controller.on('facebook_postback', async (bot, message) => {
  await bot.reply(message, `Tapped ${message.postback.payload}`);
});
