// A Bottender bot as `create-bottender-app` lays it out.

const DESK = process.env.DESK;

module.exports = async function App(context) {
  const { event } = context;
  if (event.isStandby) {
    console.log(`standby: ${event.isEcho ? 'echo' : event.text ?? 'postback'} ${event.isEcho ? event.rawEvent.message.text : ''}`);
    return;
  }
  if (event.isPassThreadControl) {
    console.log(`mine again: ${event.passThreadControl.metadata}`);
    return;
  }
  if (event.isEcho) return;
  if (event.isPayload && event.payload === 'HUMAN') {
    await context.passThreadControl(DESK, 'asked for a human');
    await context.sendText('one more thing').catch((error) => console.log(`refused: ${error.message}`));
    return;
  }
  const user = await context.getUserProfile();
  await context.typingOn();
  await context.sendButtonTemplate(`Hi ${user.firstName}, what can I do?`, [
    { type: 'postback', title: 'Human', payload: 'HUMAN' },
  ]);
};
