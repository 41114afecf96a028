// Renders a chart's templates as Helm does, as far as this chart goes. A function that Helm has and
// this has not (tpl, required, lookup, …) is an error, and never renders in silence.
//
//	render CHART_DIR VALUES_FILE RELEASE NAMESPACE
//
// Prints {"values": the values, "files": {template: text}} as JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"github.com/gobwas/glob"
	"sigs.k8s.io/yaml"
)

type object = map[string]interface{}

// Files is the chart's files other than templates, by their path in it.
type Files map[string][]byte

func (f Files) Get(name string) string { return string(f[name]) }

func (f Files) Glob(pattern string) Files {
	matches, found := glob.MustCompile(pattern, '/'), Files{}
	for name, data := range f {
		if matches.Match(name) {
			found[name] = data
		}
	}
	return found
}

func (f Files) AsConfig() string {
	named := map[string]string{}
	for name, data := range f {
		named[path.Base(name)] = string(data)
	}
	return toYaml(named)
}

func toYaml(value interface{}) string {
	data, err := yaml.Marshal(value)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(data), "\n")
}

func fromYaml(text string) object {
	value := object{}
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		value["Error"] = err.Error()
	}
	return value
}

// A null in `over` takes a default away.
func merge(base, over object) object {
	merged := object{}
	for key, value := range base {
		merged[key] = value
	}
	for key, value := range over {
		from, isObject := base[key].(object)
		to, both := value.(object)
		switch {
		case value == nil:
			delete(merged, key)
		case isObject && both:
			merged[key] = merge(from, to)
		default:
			merged[key] = value
		}
	}
	return merged
}

// Follows symbolic links, as Helm does when it loads or packages a chart.
func readTree(root, under string, files Files) error {
	entries, err := os.ReadDir(filepath.Join(root, under))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := path.Join(under, entry.Name())
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			return err
		}
		if info.IsDir() {
			err = readTree(root, name, files)
		} else {
			files[name], err = os.ReadFile(filepath.Join(root, name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func readYaml(data []byte, err error) (object, error) {
	value := object{}
	if err == nil {
		err = yaml.Unmarshal(data, &value)
	}
	return value, err
}

// Chart.yaml's fields, under the names that templates know them by.
func metadata(fields object) object {
	named := object{}
	for key, value := range fields {
		named[strings.ToUpper(key[:1])+key[1:]] = value
	}
	return named
}

func render(folder, valuesFile, release, namespace string) (object, error) {
	all := Files{}
	if err := readTree(folder, ".", all); err != nil {
		return nil, err
	}
	templates, others := Files{}, Files{}
	for name, data := range all {
		if strings.HasPrefix(name, "templates/") {
			templates[name] = data
		} else {
			others[name] = data
		}
	}
	chart, err := readYaml(others["Chart.yaml"], nil)
	if err != nil {
		return nil, fmt.Errorf("Chart.yaml: %w", err)
	}
	defaults, err := readYaml(others["values.yaml"], nil)
	if err != nil {
		return nil, fmt.Errorf("values.yaml: %w", err)
	}
	given, err := readYaml(os.ReadFile(valuesFile))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", valuesFile, err)
	}
	values := merge(defaults, given)

	root := template.New("chart").Option("missingkey=zero")
	functions := sprig.TxtFuncMap()
	delete(functions, "env")
	delete(functions, "expandenv")
	functions["toYaml"], functions["fromYaml"] = toYaml, fromYaml
	functions["include"] = func(name string, data interface{}) (string, error) {
		var text strings.Builder
		err := root.ExecuteTemplate(&text, name, data)
		return text.String(), err
	}
	root.Funcs(functions)
	for name, data := range templates {
		if _, err := root.New(name).Parse(string(data)); err != nil {
			return nil, err
		}
	}

	rendered := object{}
	for name := range templates {
		if strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		var text strings.Builder
		err := root.ExecuteTemplate(&text, name, object{
			"Values":   values,
			"Chart":    metadata(chart),
			"Files":    others,
			"Release":  object{"Name": release, "Namespace": namespace, "Service": "Helm"},
			"Template": object{"Name": path.Join(path.Base(folder), name)},
		})
		if err != nil {
			return nil, err
		}
		rendered[name] = strings.ReplaceAll(text.String(), "<no value>", "")
	}
	return object{"values": values, "files": rendered}, nil
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: render CHART_DIR VALUES_FILE RELEASE NAMESPACE")
		os.Exit(2)
	}
	rendered, err := render(os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(rendered)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
