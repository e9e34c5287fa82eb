'use strict';
// The page of `capsule serve`: sends the program to /v1/run and shows the answer. It asks nobody else for anything.
const $ = id => document.getElementById(id);
const KEPT = 'capsule.page';

const kept = (() => { try { return JSON.parse(localStorage.getItem(KEPT)) || {}; } catch { return {}; } })();
const keep = () => { try { localStorage.setItem(KEPT, JSON.stringify(kept)); } catch { /* It is only a comfort. */ } };

// What a status is called, and in which colour.
const STATUSES = {
  'ok': ['Ended by itself', 'good'], 'nonzero-exit': ['Ended with an error', 'bad'], 'signaled': ['Ended by a signal', 'bad'],
  'compile-error': ['Does not compile', 'bad'], 'cpu-time-limit': ['CPU time limit', 'slow'],
  'wall-time-limit': ['Time limit', 'slow'], 'idle-time-limit': ['Idle time limit', 'slow'],
  'memory-limit': ['Memory limit', 'slow'], 'output-limit': ['Output limit', 'slow'],
  'forbidden-syscall': ['Forbidden system call', 'bad'], 'not-found': ['Cannot be started', 'bad'],
  'sandbox-error': ['The sandbox failed: this says nothing about the program', 'judge'],
};

const seconds = us => us === undefined ? '–' : (us / 1e6).toFixed(3) + ' s';
const mebibytes = bytes => bytes === undefined ? '–' : (bytes / 1048576).toFixed(1) + ' MiB';
const text = value => typeof value === 'string' ? value : value ? '(not text) base64: ' + value.base64 : '';

function element(tag, content, parent) {
  const made = document.createElement(tag);
  made.textContent = content;
  parent.append(made);
  return made;
}

function measure(name, value, limit) {
  const group = element('div', '', $('measures'));
  element('dt', name, group);
  element('dd', limit === undefined ? value : value + ' of ' + limit, group);
}

function show(answer) {
  const run = answer.run || answer.compile || {};
  const [title, colour] = STATUSES[answer.status] || [answer.status, 'bad'];
  $('verdict').textContent = title;
  $('verdict').className = colour;
  const limits = run.limits || {};
  const limit = (name, form) => limits[name] ? form(limits[name].limit) : undefined;
  $('measures').replaceChildren();
  measure('CPU time', seconds(run.cpu_us), limit('cpu_us', seconds));
  measure('Time', seconds(run.wall_us), limit('wall_us', seconds));
  measure('Memory', mebibytes(run.memory_peak_bytes), limit('memory_bytes', mebibytes));
  if (run.signal !== undefined) measure('Signal', String(run.signal));
  else if (run.exit_code !== undefined) measure('Exit code', String(run.exit_code));
  if (run.syscall) measure('System call', run.syscall.name || '–');
  const texts = $('texts');
  texts.replaceChildren();
  const parts = [['Output', answer.stdout], ['Error output', answer.stderr], ['Compiler', (answer.compile || {}).text]];
  for (const [name, value] of parts) {
    const content = text(value);
    if (!content && (name !== 'Output' || !answer.run)) continue;
    element('h3', name, texts);
    const block = element('pre', content || '(nothing)', texts);
    block.tabIndex = 0;
    block.setAttribute('aria-label', name);
  }
  showGuards(run.guards || {});
  problem(answer.error || (run.error && JSON.stringify(run.error)));
}

function showGuards(guards) {
  const names = Object.keys(guards);
  const on = names.filter(name => guards[name] === 'on');
  $('guards').hidden = names.length === 0;
  $('guards').firstElementChild.textContent = `${on.length} of ${names.length} guards on`;
  const list = $('guards').lastElementChild;
  list.replaceChildren();
  // What is not on comes first: it is what to know.
  for (const name of names.filter(name => guards[name] !== 'on').concat(on)) element('li', `${name}: ${guards[name]}`, list);
}

function problem(what) {
  $('problem').hidden = !what;
  $('problem').textContent = what || '';
}

function headers() {
  const token = $('token').value;
  return token ? { Authorization: 'Bearer ' + token } : {};
}

function request() {
  const limits = {};
  if ($('cpu').value) limits.cpu_us = Math.round(Number($('cpu').value) * 1e6);
  if ($('memory').value) limits.memory_bytes = Math.round(Number($('memory').value)) * 1048576;
  const args = $('args').value.split('\n').filter(line => line !== '');
  return { language: $('language').value, source: $('source').value, stdin: $('stdin').value, args, limits };
}

// What a verdict is called, and in which colour.
const VERDICTS = {
  AC: ['Accepted', 'good'], WA: ['Wrong answer', 'bad'], RTE: ['Run-time error', 'bad'], CE: ['Does not compile', 'bad'],
  TLE: ['Time limit', 'slow'], MLE: ['Memory limit', 'slow'], OLE: ['Output limit', 'slow'],
  JE: ['The judge failed: this says nothing about the program', 'judge'],
  IE: ['The sandbox failed: this says nothing about the program', 'judge'], SKIPPED: ['left out', ''],
};

function verdict(word) {
  const [title, colour] = VERDICTS[word] || [word, 'bad'];
  $('verdict').textContent = title;
  $('verdict').className = colour;
}

// A test's line, which is made or written over.
function showTest(name, word, more) {
  const list = $('texts').querySelector('ol') || $('texts').appendChild(document.createElement('ol'));
  const id = 'test ' + name;
  const line = [...list.children].find(line => line.dataset.test === id) || element('li', '', list);
  line.dataset.test = id;
  line.textContent = name + ' ';
  element('strong', word, line).className = (VERDICTS[word] || ['', 'bad'])[1];
  if (more) line.append(' ' + more);
}

function showJudgement(judgement) {
  verdict(judgement.verdict);
  if (judgement.score !== undefined) $('verdict').append(`, score ${judgement.score}`);
  for (const test of judgement.tests) {
    const measures = test.time_us === undefined ? '' : `${seconds(test.time_us)}, ${mebibytes(test.memory_bytes)}`;
    showTest(test.name, test.verdict, [measures, test.message].filter(Boolean).join(', '));
  }
  const said = (judgement.compile || {}).text;
  if (said) {
    element('h3', 'Compiler', $('texts'));
    element('pre', said, $('texts')).tabIndex = 0;
  }
  problem(judgement.error);
}

// Shows each test as it ends. Not an EventSource, which could not send a token.
async function follow(path, signal) {
  const answer = await fetch(path + '/events', { headers: headers(), signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split('\n\n');
    rest = events.pop();
    for (const event of events) {
      const data = /^event: test\ndata: (.*)$/m.exec(event);
      if (!data) continue;
      const test = JSON.parse(data[1]);
      showTest(test.name, test.verdict, '');
    }
  }
}

async function judge(signal) {
  const body = { language: $('language').value, source: $('source').value, problem: $('problem-id').value };
  const answer = await fetch('/v1/submissions', { method: 'POST', headers: headers(), body: JSON.stringify(body), signal });
  const made = await answer.json();
  if (!answer.ok) return refused(made.title || 'Refused', made.detail);
  refused('Judging…', '');
  $('verdict').className = '';
  $('result').hidden = false;
  const path = '/v1/submissions/' + made.id;
  signal.addEventListener('abort', () => fetch(path, { method: 'DELETE', headers: headers() }));
  await follow(path, signal);
  const found = await (await fetch(path, { headers: headers(), signal })).json();
  if (found.judgement) showJudgement(found.judgement);
  else if (found.result) show(found.result);
  else refused('No result', found.state);
}

// A problem that its tenant has uploaded can be chosen by its name.
async function loadProblems() {
  const list = await (await fetch('/v1/problems', { headers: headers() })).json();
  for (const id of list.problems || []) {
    const found = await (await fetch('/v1/problems/' + id, { headers: headers() })).json();
    if (found.name) element('option', found.name, $('problem-id')).value = id;
  }
  $('problem-id').hidden = $('problem-id').options.length === 1;
  $('problem-id').previousElementSibling.hidden = $('problem-id').hidden;
}

let underWay = null;

async function run() {
  if (underWay) return;
  underWay = new AbortController();
  $('run').disabled = true;
  $('run').textContent = 'Running…';
  $('stop').hidden = false;
  try {
    if ($('problem-id').value) return await judge(underWay.signal);
    const answer = await fetch('/v1/run', { method: 'POST', headers: headers(), body: JSON.stringify(request()), signal: underWay.signal });
    const body = await answer.json();
    $('secret').hidden = $('secret').hidden && answer.status !== 401;
    if (answer.ok) show(body);
    else refused(body.title || 'Refused', body.detail);
  } catch (error) {
    if (error.name === 'AbortError') refused('Stopped', '');
    else refused('No answer', 'The service cannot be reached: ' + error.message);
  } finally {
    underWay = null;
    $('run').disabled = false;
    $('run').textContent = 'Run';
    $('stop').hidden = true;
    $('result').hidden = false;
    if (matchMedia('(max-width: 760px)').matches) $('verdict').scrollIntoView({ block: 'start' });
    load();
  }
}

function refused(title, detail) {
  $('verdict').textContent = title;
  $('verdict').className = 'bad';
  $('measures').replaceChildren();
  $('texts').replaceChildren();
  $('guards').hidden = true;
  problem(detail);
}

async function load() {
  try {
    const status = await (await fetch('/v1/status')).json();
    const waiting = status.waiting ? `, ${status.waiting} waiting` : '';
    $('load').textContent = `${status.busy} of ${status.slots} slots busy${waiting}${status.draining ? ', ending' : ''}`;
  } catch {
    $('load').textContent = 'the service does not answer';
  }
}

// Each language keeps the program that was written last in it.
function choose() {
  kept.language = $('language').value;
  $('source').value = (kept.sources || {})[kept.language] || '';
  keep();
}

let leavesWithTab = false;

function typed(event) {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    run();
  }
  if (event.target !== $('source')) return;
  if (event.key === 'Tab' && !event.shiftKey && !leavesWithTab) {
    event.preventDefault();
    const field = $('source');
    field.setRangeText('    ', field.selectionStart, field.selectionEnd, 'end');
    remember();
  }
  if (event.key !== 'Shift') leavesWithTab = event.key === 'Escape';
}

function remember() {
  kept.sources = { ...kept.sources, [$('language').value]: $('source').value };
  keep();
}

$('form').addEventListener('submit', event => { event.preventDefault(); run(); });
$('form').addEventListener('keydown', typed);
$('stop').addEventListener('click', () => underWay && underWay.abort());
$('language').addEventListener('change', choose);
$('source').addEventListener('input', remember);
if (kept.language && [...$('language').options].some(option => option.value === kept.language)) $('language').value = kept.language;
choose();
load();
loadProblems().catch(() => { /* Without problems the page still runs programs. */ });
$('token').addEventListener('change', () => {
  $('problem-id').length = 1;
  loadProblems().catch(() => { /* As above. */ });
});
setInterval(() => document.hidden || load(), 5000);
