// What the compiler does not see: rules of hooks, promises that nobody waits for, circles of imports, which layer may
// import which, and pages that some people cannot use.
import { createNodeResolver, importX } from 'eslint-plugin-import-x'
import jsxA11y from 'eslint-plugin-jsx-a11y'
import reactHooks from 'eslint-plugin-react-hooks'
import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

// From the ground up: each layer may import itself and those before it. A page's folder imports no other page's.
const LAYERS = ['ui', 'locales', 'api', 'lib', 'components', 'pages']

/** Forbids imports of these folders of src, from one that lies `depth` folders below it. */
const without = (depth, folders, message) => ({
  'no-restricted-imports': ['error', { patterns: [{ regex: `^${'\\.\\./'.repeat(depth)}(${folders.join('|')})(/|$)`, message }] }],
})

const layers = LAYERS.slice(0, -1).map((layer, at) => ({
  files: [`src/${layer}/**`],
  rules: without(1, [...LAYERS.slice(at + 1), 'routes', 'main'], `${layer} lies below what it imports: see LAYERS in eslint.config.js`),
}))

export default defineConfig(
  { ignores: ['dist', 'node_modules', 'test-results'] },
  {
    files: ['src/**/*.{ts,tsx}', 'e2e/**/*.ts', 'openstack/**/*.ts', 'pictures/**/*.ts', '*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: 'error',
      // Handlers of React and antd may be asynchronous: their failures are shown by useFail.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      // antd's validators say no by a rejected promise.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    extends: [jsxA11y.flatConfigs.strict],
    plugins: { 'react-hooks': reactHooks, 'import-x': importX },
    settings: {
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts', '.tsx'] },
      'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.tsx', '.js'] })],
    },
    rules: {
      // What is selected is compared with what was selected before, and only plain data can be equal: a map is new each
      // time, and its page draws itself over and over while another answer is on its way.
      'no-restricted-syntax': ['error', { selector: "Property[key.name='select'] > ArrowFunctionExpression NewExpression", message: 'Select plain data: a record or a list' }],
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      // A dialog, a menu and the page to sign in on begin where the keyboard goes on; antd's components do it there.
      'jsx-a11y/no-autofocus': ['error', { ignoreNonDOM: true }],
      // The keyboard reaches what scrolls (group, log) and what says why something is grey (note).
      'jsx-a11y/no-noninteractive-tabindex': ['error', { tags: [], roles: ['tabpanel', 'group', 'log', 'note'] }],
    },
  },
  ...layers,
  {
    files: ['src/pages/*/**'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [
        { regex: '^\\.\\./[^.]', message: 'No page imports another page: what two need is a component' },
        { regex: '^\\.\\./\\.\\./(routes|main)$', message: 'The routes import the pages' },
      ] }],
    },
  },
  {
    files: ['src/**'],
    ignores: ['src/api/**'],
    rules: { 'no-restricted-globals': ['error', ...['fetch', 'XMLHttpRequest'].map((name) => ({ name, message: 'Only src/api makes requests' }))] },
  },
)
